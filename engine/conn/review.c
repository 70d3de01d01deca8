/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/review.h"

#include "base/clock.h"
#include "base/log.h"
#include "conn/fate.h"
#include "conn/worker.h"

enum { AT_ONCE = 256 };

/* --- one connection --- */

static void adopt(struct conn *c, struct settings *settings)
{
	struct settings *old = c->settings;

	c->settings = settings_ref(settings);
	settings_unref(old);
}

/* As its hello has it; `parsed`: what for. NULL: there was none that could be read. */
static const char *host_of(const struct conn *c, struct hello *parsed)
{
	if (c->hello)
		return c->hello->host;
	if (c->packed_hello &&
	    hello_parse(c->packed_hello, c->n_packed_hello, parsed) == HELLO_WHOLE)
		return parsed->host;
	return NULL;
}

/* False: it was not judged by its hello, so by no rule. */
static bool judge_anew(const struct conn *c, const struct config *config, struct verdict *ret_new)
{
	struct subject subject = { .client = c->client_addr, .server = c->server_addr };
	struct hello parsed;

	subject.host = host_of(c, &parsed);
	if (!subject.host)
		return false;
	*ret_new = ruleset_decide(config->rules, &subject);
	return true;
}

/* It is passed for its server's request, and that is not to be any more. */
static bool is_forbidden(const struct conn *c)
{
	bool is_learned = c->has_fate && (c->fate == FATE_LEARN || c->reason == REASON_LEARNED);
	struct hello parsed;
	const char *host = is_learned ? host_of(c, &parsed) : NULL;
	struct entry entry;

	return host &&
	       learned_look(c->worker->engine->learned, host, &c->server_addr, clock_wall_us(),
			    &entry) != LEARNED_UNKNOWN &&
	       entry.state == LEARN_FORBIDDEN;
}

static bool was_passed_by_rule(const struct conn *c)
{
	return c->has_fate && c->fate == FATE_PASS &&
	       (c->reason == REASON_RULE || c->reason == REASON_DEFAULT);
}

/* Nobody but the client itself is connected any more, or nobody at all. */
static bool is_ending(const struct conn *c)
{
	return c->state == CONN_REFUSING || c->state == CONN_PARTING;
}

enum conn_state review_judge(struct conn *c, struct settings *settings)
{
	enum conn_state next;
	struct verdict now;

	if (c->is_own || is_ending(c))
		return c->state;
	if (is_forbidden(c)) {
		c->worker->review.n_forbidden++;
		return conn_end(c, END_FORBIDDEN);
	}
	if (!settings)
		return c->state;
	if (c->state == CONN_PEEKING) {
		adopt(c, settings);
		return c->state;
	}
	if (!judge_anew(c, settings->config, &now) || now.action == ACTION_PASS ||
	    (now.action == ACTION_INTERCEPT && !was_passed_by_rule(c)))
		return c->state;
	c->worker->review.n_ended++;
	if (c->has_fate)
		return conn_end(c, END_RULES_CHANGED);
	/* The client has seen nothing yet: as if its hello came now. */
	c->verdict = now;
	next = fate_block(c, now.file ? REASON_RULE : REASON_DEFAULT, ALERT_ACCESS_DENIED);
	adopt(c, settings);
	return next;
}

/* --- all of a worker's --- */

static void finish(struct review *review)
{
	if (review->n_ended > 0)
		log_info("connections that the new rules ended: %u", review->n_ended);
	if (review->n_forbidden > 0)
		log_info("passed connections that ended because their servers are forbidden: %u",
			 review->n_forbidden);
	review->n_ended = review->n_forbidden = 0;
	review->next = NULL;
	settings_unref(review->settings);
	review->settings = NULL;
}

void review_deinit(struct review *review)
{
	finish(review);
}

void review_ask(struct worker *worker)
{
	atomic_store(&worker->review.is_due, true);
	worker_wake(worker);
}

void review_begin(struct worker *worker)
{
	struct review *review = &worker->review;
	struct settings *settings;

	if (!atomic_exchange(&review->is_due, false))
		return;
	settings = engine_settings(worker->engine);
	finish(review);
	if (settings->config->on_reload == ON_RELOAD_END) {
		review->settings = settings;
		review->next = worker->conns; /* newer ones come before it in the list */
	} else {
		settings_unref(settings);
	}
}

bool review_goes_on(const struct review *review)
{
	return review->next != NULL;
}

void review_some(struct worker *worker)
{
	struct review *review = &worker->review;
	unsigned n_forbids = learned_forbids(worker->engine->learned);

	if (n_forbids != review->n_forbids) {
		review->n_forbids = n_forbids;
		review->next = worker->conns; /* from the beginning, whatever goes on */
	}
	if (!review->next)
		return;
	for (unsigned i = 0; i < AT_ONCE && review->next; i++) {
		struct conn *conn = review->next;

		review->next = conn->next;
		conn_review(conn, review->settings);
	}
	if (!review->next)
		finish(review);
}

void review_skip(struct review *review, const struct conn *conn)
{
	if (review->next == conn)
		review->next = conn->next;
}
