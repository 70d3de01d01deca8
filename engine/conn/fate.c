/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/fate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conn/early.h"
#include "conn/report.h"
#include "conn/worker.h"
#include "net/tproxy.h"

void fate_decide(struct conn *c, enum fate fate, enum reason reason)
{
	c->has_fate = true;
	c->fate = fate;
	c->reason = reason;
}

enum conn_state conn_end(struct conn *c, enum end end)
{
	c->end = end;
	return CONN_CLOSED;
}

enum conn_state fate_end(struct conn *c, enum reason reason, enum end end)
{
	fate_decide(c, FATE_BLOCK, reason);
	return conn_end(c, end);
}

void fate_drop_server(struct conn *c)
{
	report_upstream(c);
	session_free(c->upstream);
	c->upstream = NULL;
	judgement_unref(c->judgement); /* what comes next is judged for itself */
	c->judgement = NULL;
	/* A reset leaves no TIME_WAIT, which would lock the client's port for the next dial. */
	sock_reset(&c->server);
}

int fate_dial(struct conn *c, bool is_fast)
{
	const struct config *config = config_of(c);
	int fd = tproxy_dial(&c->server_addr,
			     config->source == SOURCE_CLIENT ? &c->client_addr : NULL,
			     config->mark_upstream, is_fast);

	if (fd < 0)
		return fd;
	c->server = (struct sock){ .fd = fd, .kind = SOCK_SERVER };
	return loop_watch(&c->worker->loop, &c->server);
}

/* 1: connected. 0: not yet. -errno: it failed. */
int fate_dial_progress(struct conn *c)
{
	int r;

	if (!c->server.writable)
		return 0;
	r = tproxy_dial_result(c->server.fd);
	c->has_server |= r >= 0;
	return r < 0 ? r : 1;
}

enum conn_state fate_dial_failed(struct conn *c, int error)
{
	static const struct {
		int error;
		enum reason reason;
		enum end end;
	} kinds[] = {
		{ ECONNREFUSED, REASON_SERVER_REFUSED, END_SERVER_REFUSED },
		{ ECONNRESET, REASON_SERVER_RESET, END_SERVER_RESET },
		{ ETIMEDOUT, REASON_SERVER_TIMEOUT, END_SERVER_TIMEOUT },
		{ EMFILE, REASON_NO_RESOURCES, END_NO_RESOURCES },
		{ ENFILE, REASON_NO_RESOURCES, END_NO_RESOURCES },
		{ ENOMEM, REASON_NO_RESOURCES, END_NO_RESOURCES },
		{ ENOBUFS, REASON_NO_RESOURCES, END_NO_RESOURCES },
		{ 0, REASON_SERVER_UNREACHABLE, END_SERVER_UNREACHABLE },
	};
	unsigned i = 0;

	early_forget(c);
	while (kinds[i].error != 0 && kinds[i].error != -error)
		i++;
	snprintf(c->detail, sizeof(c->detail), "%s", strerror(-error));
	return c->has_fate ? conn_end(c, kinds[i].end) : fate_end(c, kinds[i].reason, kinds[i].end);
}

enum conn_state fate_pass(struct conn *c, enum fate fate, enum reason reason)
{
	int r;

	if (c->is_own) /* nobody waits for it */
		return conn_end(c, END_REFUSED);
	if (c->downstream)
		return early_regret(c, reason);

	fate_decide(c, fate, reason);
	fate_drop_server(c);
	r = fate_dial(c, false);
	return r < 0 ? fate_dial_failed(c, r) : CONN_PASSING;
}

/* The client was sent an alert, which must arrive before the end does. */
enum conn_state fate_refuse(struct conn *c, enum end end)
{
	(void)shutdown(c->client.fd, SHUT_WR);
	c->end = end;
	return CONN_REFUSING;
}

/* A TLS client is told why by a fatal alert, which may precede the ServerHello. */
enum conn_state fate_block(struct conn *c, enum reason reason, enum alert alert)
{
	if (c->is_own)
		return conn_end(c, END_REFUSED);
	fate_decide(c, FATE_BLOCK, reason);
	fate_drop_server(c);
	early_forget(c);
	if (c->downstream)
		session_refuse(c->downstream, alert);
	else if (c->is_tls)
		alert_send(&c->client, alert);
	return fate_refuse(c, END_REFUSED);
}

enum conn_state fate_part(struct conn *c, enum end end, const char *text, size_t n)
{
	c->end = end;
	fate_drop_server(c);
	if (relay_end_with(&c->relay[TO_CLIENT], &c->worker->buffers, text, n) < 0)
		return conn_end(c, END_NO_RESOURCES);
	return CONN_PARTING;
}

/* What the client is told when nothing was asked of its server yet, or nothing better is known. */
static enum alert alert_of(const struct conn *c, enum reason reason)
{
	if (reason == REASON_HELLO_MALFORMED || reason == REASON_HELLO_SHORT)
		return ALERT_DECODE_ERROR;
	if (reason == REASON_CLIENT_UNSUPPORTED && hello_version_max(c->hello) < 0x0303)
		return ALERT_PROTOCOL_VERSION;
	return ALERT_HANDSHAKE_FAILURE;
}

enum conn_state fate_pass_or_block(struct conn *c, enum action action, enum reason reason)
{
	return action == ACTION_PASS ? fate_pass(c, FATE_PASS, reason)
				     : fate_block(c, reason, alert_of(c, reason));
}

/* The engine itself failed, and nothing was sent to the client yet: as the owner chose. */
enum conn_state fate_fail(struct conn *c, enum reason reason)
{
	return config_of(c)->on_failure == ON_FAILURE_OPEN
		       ? fate_pass(c, FATE_PASS, reason)
		       : fate_block(c, reason, ALERT_INTERNAL_ERROR);
}

/* While the server is asked, the client may lose patience. */
bool fate_is_client_gone(const struct conn *c)
{
	/* If it was greeted early, its handshake tells; and then it may finish first. */
	return c->downstream ? c->is_greeted && c->client.broken : c->client.ended;
}

enum conn_state fate_client_gone(struct conn *c)
{
	return c->client.broken ? fate_end(c, REASON_CLIENT_RESET, END_CLIENT_RESET)
				: fate_end(c, REASON_CLIENT_CLOSED, END_CLIENT_CLOSED);
}
