/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/review.h"

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

/* False: it was not judged by its hello, so by no rule. */
static bool judge_anew(const struct conn *c, const struct config *config, struct verdict *ret_new)
{
	struct subject subject = { .client = c->client_addr, .server = c->server_addr };
	struct hello parsed;

	if (c->hello)
		subject.host = c->hello->host;
	else if (c->packed_hello &&
		 hello_parse(c->packed_hello, c->n_packed_hello, &parsed) == HELLO_WHOLE)
		subject.host = parsed.host;
	else
		return false;
	*ret_new = ruleset_decide(config->rules, &subject);
	return true;
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

	if (c->state == CONN_PEEKING) {
		adopt(c, settings);
		return c->state;
	}
	if (c->is_own || is_ending(c) || !judge_anew(c, settings->config, &now) ||
	    now.action == ACTION_PASS || (now.action == ACTION_INTERCEPT && !was_passed_by_rule(c)))
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
	review->n_ended = 0;
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

	if (!atomic_exchange(&review->is_due, false))
		return;
	finish(review);
	review->settings = engine_settings(worker->engine);
	if (review->settings->config->on_reload == ON_RELOAD_END)
		review->next = worker->conns; /* newer ones come before it in the list */
}

bool review_goes_on(const struct review *review)
{
	return review->settings != NULL;
}

void review_some(struct worker *worker)
{
	struct review *review = &worker->review;

	if (!review->settings)
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
