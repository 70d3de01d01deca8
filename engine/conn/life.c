/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The life of a connection, in the order in which it happens. The table at the end names each
 * state's step, its deadline and what its expiry means.
 *
 * A step does what can be done now and names the next state; as long as it names its own, the
 * connection waits. Steps are idempotent: they are called on any readiness of either socket, and
 * look for themselves. Nothing is registered or unregistered meanwhile (base/sock.h), and no step
 * calls another.
 *
 * The client's bytes are only peeked at until it is certain that the connection is intercepted. So
 * whatever is found out before, passing is one fresh dial and carry_splice(): the client's unread
 * bytes are the replay. Where the owner wants clients greeted early, that is certain when they are
 * (early.c), and what would pass later is refused.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/names.h"
#include "conn/carry.h"
#include "conn/conn.h"
#include "conn/count.h"
#include "conn/early.h"
#include "conn/fate.h"
#include "conn/greet.h"
#include "conn/late.h"
#include "conn/learning.h"
#include "conn/outcome.h"
#include "conn/overload.h"
#include "conn/probe.h"
#include "conn/review.h"
#include "conn/watch.h"
#include "conn/worker.h"
#include "net/tproxy.h"
#include "tls/downstream.h"
#include "tls/upstream.h"

/* --- peeking: what does the client want? --- */

static enum conn_state take_advice(struct conn *c, enum learning_advice advice)
{
	switch (advice) {
	case LEARNING_WAIT:
		return CONN_WAITING;
	case LEARNING_PASS:
		engine_note_address(c->worker->engine, config_of(c), &c->server_addr, true);
		return fate_pass(c, FATE_PASS, REASON_LEARNED);
	case LEARNING_DIAL:
		break;
	}
	early_consider(c);
	return CONN_DIALLING;
}

/* Only what needs a handshake with the server costs enough to be saved. */
static enum conn_state take_first_advice(struct conn *c, enum learning_advice advice)
{
	if (advice == LEARNING_PASS || !overload_is_late(c))
		return take_advice(c, advice);
	learning_end(c);
	return fate_pass_or_block(
		c, config_of(c)->overload.policy == ON_OVERLOAD_PASS ? ACTION_PASS : ACTION_BLOCK,
		REASON_OVERLOAD);
}

static bool offers_post_quantum(const struct hello *hello)
{
	for (unsigned i = 0; i < hello->groups.n; i++)
		if (names_is_post_quantum(hello->groups.at[i]))
			return true;
	return false;
}

static enum conn_state judge_hello(struct conn *c)
{
	const struct config *config = config_of(c);
	struct subject subject = { .client = c->client_addr,
				   .server = c->server_addr,
				   .host = c->hello->host };
	enum reason reason;

	c->verdict = ruleset_decide(config->rules, &subject);
	c->verdict.is_scanned &= config->icap.url[0] != '\0';
	reason = c->verdict.file ? REASON_RULE : REASON_DEFAULT;
	if (c->verdict.action == ACTION_PASS)
		return fate_pass(c, FATE_PASS, reason);
	if (c->verdict.action == ACTION_BLOCK)
		return fate_block(c, reason, ALERT_ACCESS_DENIED);
	if (!c->hello->has_sni && !c->verdict.file && config->hello.no_sni != ACTION_INTERCEPT)
		return fate_pass_or_block(c, config->hello.no_sni, REASON_NO_SNI);
	if (c->hello->wire_length > DOWNSTREAM_HELLO_MAX)
		return fate_pass_or_block(c, config->hello.unsupported, REASON_HELLO_TOO_LARGE);
	if (!upstream_is_possible(c->hello, &c->settings->limits))
		return fate_pass_or_block(c, config->hello.unsupported, REASON_CLIENT_UNSUPPORTED);
	if (config->tls.downgrade == ON_DOWNGRADE_PASS && !c->verdict.file &&
	    offers_post_quantum(c->hello))
		return fate_pass(c, FATE_PASS, REASON_CLIENT_POST_QUANTUM);
	return take_first_advice(c, learning_advise(c));
}

/* More must come: wake up for no less, and keep to the one deadline of the whole hello. */
static enum conn_state await_hello(struct conn *c, size_t needed)
{
	c->client.readable = false; /* a peek never meets EAGAIN; new bytes raise it again */
	if (needed > c->peeked + 1) {
		tproxy_low_water(c->client.fd, (int)needed);
		c->has_low_water = true;
	}
	if (c->client.ended)
		return fate_pass_or_block(c, ACTION_BLOCK, REASON_HELLO_SHORT);
	return CONN_PEEKING;
}

static enum conn_state peek_hello(struct conn *c)
{
	uint8_t *bytes = c->worker->scratch;
	ssize_t n = sock_peek(&c->client, bytes, HELLO_MAX);
	const struct config *config = config_of(c);
	enum hello_result result;
	struct hello hello;

	if (n == -EAGAIN)
		return CONN_PEEKING;
	if (n < 0)
		return fate_end(c, REASON_CLIENT_RESET, END_CLIENT_RESET);
	if (n == 0)
		return fate_end(c, REASON_CLIENT_CLOSED, END_CLIENT_CLOSED);
	if (c->peeked == 0) /* one deadline for all of it, from the accept on */
		timer_set(&c->worker->loop.wheel, &c->deadline,
			  c->started / 1000 + config->timeouts.hello);
	c->peeked = (size_t)n;
	c->is_tls = true;
	result = hello_parse(bytes, c->peeked, &hello);
	if (result != HELLO_SHORT && c->has_low_water)
		tproxy_low_water(c->client.fd, 1);
	switch (result) {
	case HELLO_SHORT:
		return await_hello(c, hello.needed);
	case HELLO_NOT_TLS:
		c->is_tls = false;
		return fate_pass_or_block(c, config->hello.not_tls, REASON_NOT_TLS);
	case HELLO_MALFORMED:
		return fate_pass_or_block(c, config->hello.malformed, REASON_HELLO_MALFORMED);
	case HELLO_TOO_LARGE:
		return fate_pass_or_block(c, config->hello.malformed, REASON_HELLO_TOO_LARGE);
	case HELLO_WHOLE:
		break;
	}
	c->hello = malloc(sizeof(hello));
	if (!c->hello)
		return fate_end(c, REASON_NO_RESOURCES, END_NO_RESOURCES);
	*c->hello = hello;
	return judge_hello(c);
}

static enum conn_state hello_late(struct conn *c)
{
	if (c->peeked == 0)
		return fate_pass_or_block(c, config_of(c)->hello.silent, REASON_CLIENT_SILENT);
	return fate_block(c, REASON_HELLO_SHORT, ALERT_DECODE_ERROR);
}

/* --- waiting for another connection that asks the same server --- */

static enum conn_state await_other(struct conn *c)
{
	if (fate_is_client_gone(c))
		return fate_client_gone(c);
	return take_advice(c, learning_wait(c));
}

/* It takes its time: then each for itself. */
static enum conn_state other_late(struct conn *c)
{
	learning_end(c);
	return CONN_DIALLING;
}

/* --- passing --- */

/* An idle passed connection is to cost little: a hello that was taken apart takes 4 KiB. */
static void pack_hello(struct conn *c)
{
	size_t n = c->hello->wire_length;
	uint8_t *bytes = malloc(n);

	if (!bytes || sock_peek(&c->client, bytes, n) != (ssize_t)n) {
		free(bytes);
		return;
	}
	c->packed_hello = bytes;
	c->n_packed_hello = n;
	free(c->hello);
	c->hello = NULL;
}

static enum conn_state dial_to_pass(struct conn *c)
{
	int r = fate_dial_progress(c);

	if (r < 0)
		return fate_dial_failed(c, r);
	if (r == 0)
		return CONN_PASSING;
	if (c->reason == REASON_LEARNED || c->fate == FATE_LEARN)
		watch_begin(c);
	if (c->hello && !c->watch)
		pack_hello(c);
	return CONN_SPLICING;
}

/* --- refusing: the alert must arrive before the end does --- */

/* Unread bytes would turn our close into a reset, which may overtake the alert. */
static enum conn_state await_client_end(struct conn *c)
{
	ssize_t n;

	do {
		n = sock_recv(&c->client, c->worker->scratch, sizeof(c->worker->scratch));
	} while (n > 0);
	return n == -EAGAIN ? CONN_REFUSING : CONN_CLOSED;
}

static enum conn_state refused(struct conn *c)
{
	(void)c; /* its end is known */
	return CONN_CLOSED;
}

static enum conn_state server_never_came(struct conn *c)
{
	return conn_end(c, END_SERVER_TIMEOUT);
}

static enum conn_state stay_closed(struct conn *c)
{
	(void)c;
	return CONN_CLOSED;
}

/* --- the table --- */

#define LIMIT(key) offsetof(struct config, timeouts.key)

static const struct {
	enum conn_state (*step)(struct conn *c);
	enum conn_state (*expire)(struct conn *c);
	size_t limit; /* where the configuration holds the state's deadline; 0: none */
	enum conn_state (*beside)(struct conn *c); /* done as long as it waits; NULL: nothing */
} life[] = {
	[CONN_PEEKING] = { peek_hello, hello_late, LIMIT(silent), NULL },
	[CONN_WAITING] = { await_other, other_late, LIMIT(probe), NULL },
	[CONN_DIALLING] = { probe_dial, probe_late, LIMIT(dial), early_greet },
	[CONN_PROBING] = { probe_server, probe_late, LIMIT(probe), early_greet },
	[CONN_HEARING] = { outcome_hear, outcome_unheard, LIMIT(hear), NULL },
	[CONN_FORGING] = { greet_forge, greet_forge_late, LIMIT(forge), NULL },
	[CONN_GREETING] = { greet_client, greet_late, LIMIT(greet), NULL },
	[CONN_RELAYING] = { carry_relay, carry_idle, LIMIT(idle), NULL },
	[CONN_PARTING] = { late_part, late_parted, LIMIT(refuse), NULL },
	[CONN_PASSING] = { dial_to_pass, server_never_came, LIMIT(dial), NULL },
	[CONN_SPLICING] = { carry_splice, carry_idle, LIMIT(pass_idle), NULL },
	[CONN_REFUSING] = { await_client_end, refused, LIMIT(refuse), NULL },
	[CONN_CLOSED] = { stay_closed, stay_closed, 0, NULL },
};

static void conn_enter(struct conn *c, enum conn_state next)
{
	uint64_t now = clock_us();

	uint64_t us = now - c->entered;

	c->spent[c->state] += us;
	c->entered = now;
	count_step(c, next, us);
	c->state = next;
	worker_set_waiting(c, next == CONN_WAITING);
	if (next == CONN_CLOSED)
		conn_close(c);
	else
		conn_set_deadline(
			c, *(const uint64_t *)((const char *)config_of(c) + life[next].limit));
}

void conn_set_deadline(struct conn *c, uint64_t ms)
{
	uint64_t at = c->worker->loop.now + ms;
	uint64_t total = config_of(c)->timeouts.pass_total;

	if (c->state == CONN_SPLICING && total > 0 && at > c->entered / 1000 + total)
		at = c->entered / 1000 + total;
	timer_set(&c->worker->loop.wheel, &c->deadline, at);
}

static enum conn_state step(struct conn *c)
{
	enum conn_state next = life[c->state].step(c);

	return next == c->state && life[next].beside ? life[next].beside(c) : next;
}

void conn_run(struct conn *c)
{
	enum conn_state next;

	while ((next = step(c)) != c->state)
		conn_enter(c, next);
	if (c->state == CONN_RELAYING || c->state == CONN_SPLICING)
		count_traffic(c);
}

void conn_expire(struct conn *c)
{
	conn_enter(c, life[c->state].expire(c));
	conn_run(c);
}

void conn_stop(struct conn *c)
{
	if (!c->has_fate)
		fate_decide(c, FATE_BLOCK, REASON_SHUTDOWN);
	c->end = END_SHUTDOWN;
	conn_enter(c, CONN_CLOSED);
}

void conn_review(struct conn *c, struct settings *settings)
{
	enum conn_state next = review_judge(c, settings);

	if (next == c->state)
		return;
	conn_enter(c, next);
	conn_run(c);
}
