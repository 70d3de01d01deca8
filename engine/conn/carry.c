/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The long part of a life: bytes both ways until both sides have finished, plaintext between two
 * TLS sessions (relay.c) or untouched from socket to socket (net/splice.c). The side that finished
 * first names the end in the log; from then on the other has timeouts.linger between bytes.
 */
#include "conn/carry.h"

#include <stdio.h>
#include <string.h>

#include "conn/count.h"
#include "conn/exchanges.h"
#include "conn/fate.h"
#include "conn/inspect.h"
#include "conn/late.h"
#include "conn/learning.h"
#include "conn/outcome.h"
#include "conn/report.h"
#include "conn/shortcut.h"
#include "conn/watch.h"
#include "conn/worker.h"
#include "net/tproxy.h"

/* --- relaying: intercepted --- */

/* A failure on one leg is the end of both; which leg, and how, is the log's business. */
static enum conn_state relay_failed(struct conn *c, bool is_client, enum session_io io)
{
	struct session *session = is_client ? c->downstream : c->upstream;

	if (io == SESSION_WANTS_CERTIFICATE)
		return late_request(c);
	if (io == SESSION_ALERT && !is_client && outcome_is_awaited(c) &&
	    c->relay[TO_CLIENT].bytes == 0 && outcome_is_refusal(session_alert(session)))
		return late_refusal(c);
	if (io == SESSION_ALERT)
		return conn_end(c, is_client ? END_CLIENT_ALERT : END_SERVER_ALERT);
	snprintf(c->detail, sizeof(c->detail), "%s", session_error(session));
	if (io == SESSION_RESET)
		return conn_end(c, is_client ? END_CLIENT_RESET : END_SERVER_RESET);
	return is_client ? fate_refuse(c, END_CLIENT_TLS_ERROR) : conn_end(c, END_SERVER_TLS_ERROR);
}

static void note_first_end(struct conn *c, bool has_client_ended, bool has_server_ended)
{
	if (c->has_first_end || (!has_client_ended && !has_server_ended))
		return;
	c->has_first_end = true;
	c->end = has_client_ended ? END_CLIENT_CLOSED : END_SERVER_CLOSED;
}

/* Data moved, or one side finished: the deadline starts anew. */
static void prolong(struct conn *c, uint64_t moved, uint64_t idle)
{
	if (moved == c->moved && c->has_first_end == c->had_first_end)
		return;
	c->moved = moved;
	c->had_first_end = c->has_first_end;
	conn_set_deadline(c, c->has_first_end ? config_of(c)->timeouts.linger : idle);
}

/* What was begun may be half sent on, and must not look whole: a reset to both. */
static enum conn_state cut_off(struct conn *c)
{
	fate_drop_server(c);
	sock_reset(&c->client);
	return conn_end(c, END_HTTP_UNREADABLE);
}

/*
 * The client's first bytes are kept until the server has answered; and its answer is held, if it
 * may tell more.
 */
static enum conn_state begin(struct conn *c)
{
	c->is_relaying = true;
	if (late_needs_request(c))
		relay_keep(&c->relay[TO_SERVER]);
	if (outcome_is_awaited(c))
		relay_hold(&c->relay[TO_CLIENT]);
	inspect_begin(c);
	switch (exchanges_begin(c)) {
	case EXCHANGES_BEGUN:
		break;
	case EXCHANGES_UNREADABLE:
		return cut_off(c);
	case EXCHANGES_NO_MEMORY:
		return conn_end(c, END_NO_RESOURCES);
	}
	return CONN_RELAYING;
}

/* One way; what becomes of the connection. */
static enum conn_state move(struct conn *c, unsigned way, enum relay_result *ret_result)
{
	bool from_client = way == TO_SERVER;
	enum session_io io = SESSION_OK;

	if (!shortcut_move(c, way, ret_result, &io))
		*ret_result = relay_move(&c->relay[way], &c->worker->buffers,
					 from_client ? c->downstream : c->upstream,
					 from_client ? c->upstream : c->downstream,
					 from_client ? c->server.fd : c->client.fd, &io);
	switch (*ret_result) {
	case RELAY_READ_FAILED:
		return relay_failed(c, from_client, io);
	case RELAY_WRITE_FAILED:
		return relay_failed(c, !from_client, io);
	case RELAY_NO_MEMORY:
		return conn_end(c, END_NO_RESOURCES);
	case RELAY_CUT:
		return cut_off(c);
	case RELAY_AGAIN:
		worker_ready(c);
		break;
	case RELAY_WAIT:
	case RELAY_ENDED:
	case RELAY_HELD:
		break;
	}
	return CONN_RELAYING;
}

/*
 * A client that has not asked yet may be waiting for its ticket; or, in Nagle's algorithm, for its
 * Finished to be acknowledged, which is 40 ms later if the kernel is left to itself. In TLS 1.2 its
 * Finished comes last only when a session is resumed.
 */
void carry_invite(struct conn *c)
{
	struct session_facts facts = session_facts(c->downstream);

	if (c->relay[TO_SERVER].bytes > 0)
		return;
	(void)session_flush(c->downstream, SESSION_FLUSH_ALL); /* how it failed is read next */
	if (facts.version > 0x0303 || facts.is_resumed)
		tproxy_acknowledge(c->client.fd);
}

/* What a rule refused was answered. */
static bool is_settled(const struct conn *c)
{
	return c->exchanges && exchanges_is_settled(c->exchanges) &&
	       relay_is_drained(&c->relay[TO_CLIENT]);
}

/* Bytes that are held back: an answer to the client, or a refusal of what was asked of it. */
static bool is_refused(struct conn *c)
{
	size_t n;
	const uint8_t *bytes = relay_held(&c->relay[TO_CLIENT], &n);

	if (!bytes)
		return false;
	if (outcome_is_refused_by(c, bytes, n))
		return true;
	relay_release(&c->relay[TO_CLIENT]);
	worker_ready(c);
	return false;
}

enum conn_state carry_relay(struct conn *c)
{
	bool is_first = !c->is_relaying;
	enum conn_state next = is_first ? begin(c) : CONN_RELAYING;
	enum relay_result results[2];

	if (c->relay[TO_CLIENT].bytes > 0)
		relay_forget(&c->relay[TO_SERVER]);
	for (unsigned way = TO_SERVER; way <= TO_CLIENT && next == CONN_RELAYING; way++)
		next = move(c, way, &results[way]);
	if (next != CONN_RELAYING)
		return next;
	if (is_first)
		carry_invite(c);
	if (results[TO_CLIENT] == RELAY_HELD && is_refused(c))
		return late_refusal(c);
	if (is_settled(c))
		return fate_part(c, exchanges_settled_end(c->exchanges), "", 0);
	note_first_end(c, c->relay[TO_SERVER].is_closed || c->relay[TO_SERVER].is_finished,
		       c->relay[TO_CLIENT].is_closed || c->relay[TO_CLIENT].is_finished);
	if (results[TO_SERVER] == RELAY_ENDED && results[TO_CLIENT] == RELAY_ENDED)
		return CONN_CLOSED;
	prolong(c,
		c->relay[TO_SERVER].bytes + c->relay[TO_CLIENT].bytes + c->splice[TO_SERVER].bytes +
			c->splice[TO_CLIENT].bytes +
			(c->exchanges ? exchanges_bytes(c->exchanges) : 0),
		config_of(c)->timeouts.idle);
	return CONN_RELAYING;
}

/* --- splicing: passed --- */

static enum conn_state splice_failed(struct conn *c, bool is_client, int error)
{
	snprintf(c->detail, sizeof(c->detail), "%s", strerror(error));
	return conn_end(c, is_client ? END_CLIENT_RESET : END_SERVER_RESET);
}

/* Whoever answers in the place of the learned server, the client has seen nothing of it. */
static enum conn_state cut(struct conn *c)
{
	report_impostor(c);
	count_impostor(c);
	learning_forget(c);
	sock_reset(&c->client);
	return conn_end(c, END_IMPOSTOR);
}

enum conn_state carry_splice(struct conn *c)
{
	struct pipe_pool *pool = &c->worker->pipes;
	enum splice_result results[2];

	if (c->watch && !watch_see(c))
		return cut(c);

	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++) {
		bool from_client = way == TO_SERVER;
		int error = 0;

		results[way] = splice_move(
			&c->splice[way], pool, from_client ? &c->client : &c->server,
			from_client ? &c->server : &c->client, c->worker->scratch, &error);
		if (results[way] == SPLICE_READ_ERROR)
			return splice_failed(c, from_client, error);
		if (results[way] == SPLICE_WRITE_ERROR)
			return splice_failed(c, !from_client, error);
		if (results[way] == SPLICE_AGAIN)
			worker_ready(c);
	}
	note_first_end(c, c->splice[TO_SERVER].is_ended, c->splice[TO_CLIENT].is_ended);
	if (results[TO_SERVER] == SPLICE_ENDED && results[TO_CLIENT] == SPLICE_ENDED)
		return CONN_CLOSED;
	prolong(c, c->splice[TO_SERVER].bytes + c->splice[TO_CLIENT].bytes,
		config_of(c)->timeouts.pass_idle);
	return CONN_SPLICING;
}

static bool is_too_old(const struct conn *c)
{
	uint64_t limit = config_of(c)->timeouts.pass_total;

	return c->state == CONN_SPLICING && limit > 0 &&
	       c->worker->loop.now >= c->entered / 1000 + limit;
}

enum conn_state carry_idle(struct conn *c)
{
	if (c->has_first_end)
		return CONN_CLOSED;
	return conn_end(c, is_too_old(c) ? END_TOTAL_TIMEOUT : END_IDLE_TIMEOUT);
}
