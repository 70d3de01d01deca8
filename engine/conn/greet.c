/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/greet.h"

#include <errno.h>
#include <stdio.h>

#include "conn/early.h"
#include "conn/fate.h"
#include "conn/forge.h"
#include "conn/pinning.h"
#include "conn/worker.h"
#include "tls/downstream.h"

enum conn_state greet_forge(struct conn *c)
{
	struct session_facts facts = session_facts(c->upstream);

	if (fate_is_client_gone(c))
		return fate_client_gone(c);
	if (c->downstream)
		return early_holds(c) ? CONN_GREETING
				      : fate_block(c, REASON_SERVER_CHANGED, ALERT_INTERNAL_ERROR);
	if (!c->forged && c->judgement)
		c->forged = forge_leaf(
			&c->worker->forge,
			c->chain_verdict == VERIFY_OK ? CERTGEN_TRUSTED : CERTGEN_UNTRUSTED,
			leaf_key_for(c->hello, &c->settings->limits, &facts), c->hello->host,
			c->judgement->der, &c->client_addr, c->worker->loop.now);
	if (!c->forged)
		return fate_fail(c, REASON_NO_RESOURCES);
	switch (forged_state(c->forged)) {
	case FORGED_PENDING:
		forged_wait(c->forged, c);
		return CONN_FORGING;
	case FORGED_READY:
		return CONN_GREETING;
	case FORGED_REFUSED:
		snprintf(c->detail, sizeof(c->detail), "%s", forged_why(c->forged));
		return fate_block(c, REASON_CERTGEN_REFUSED, ALERT_INTERNAL_ERROR);
	case FORGED_FAILED:
		snprintf(c->detail, sizeof(c->detail), "%s", forged_why(c->forged));
		return fate_fail(c, REASON_CERTGEN_FAILED);
	case FORGED_DOWN:
		return fate_fail(c, REASON_CERTGEN_DOWN);
	}
	return fate_fail(c, REASON_CERTGEN_FAILED);
}

enum conn_state greet_forge_late(struct conn *c)
{
	return fate_fail(c, REASON_CERTGEN_TIMEOUT);
}

/* From here on the connection is intercepted: the hello is taken off the socket. */
static int begin(struct conn *c, const struct session_facts *upstream)
{
	uint8_t *bytes = c->worker->scratch;
	uint8_t message[DOWNSTREAM_HELLO_MAX];
	struct downstream_offer offer = { .hello = c->hello,
					  .message = message,
					  .limits = c->settings->limits,
					  .upstream = upstream,
					  .leaf = forged_leaf(c->forged),
					  .generation = c->settings->generation };

	if (config_of(c)->downstream.tickets)
		offer.tickets = c->worker->engine->tickets;
	if (sock_recv(&c->client, bytes, c->hello->wire_length) != (ssize_t)c->hello->wire_length)
		return -ECONNRESET;
	offer.message_length =
		hello_message(bytes, c->hello->wire_length, message, sizeof(message));
	return downstream_new(&c->client, c->worker->tls, &offer, &c->downstream);
}

/* The client saw the leaf, and did not go on. */
static enum conn_state intercepted(struct conn *c, enum end end)
{
	fate_decide(c, FATE_INTERCEPT, c->reason);
	return conn_end(c, end);
}

static enum conn_state over(struct conn *c)
{
	c->is_greeted = true;
	pinning_accepted(c);
	return c->state;
}

enum conn_state greet_go_on(struct conn *c, const struct session_facts *upstream)
{
	int r = c->downstream ? 0 : begin(c, upstream);

	if (r == 0 && c->is_greeted)
		return c->state;
	switch (r < 0 ? DOWNSTREAM_RESET : downstream_handshake(c->downstream)) {
	case DOWNSTREAM_WAIT:
		return c->state;
	case DOWNSTREAM_READY:
		return over(c);
	case DOWNSTREAM_ALERT:
		pinning_refused(c);
		return intercepted(c, END_CLIENT_ALERT);
	case DOWNSTREAM_CLOSED:
		return intercepted(c, END_CLIENT_CLOSED);
	case DOWNSTREAM_RESET:
		return intercepted(c, r == -ENOMEM ? END_NO_RESOURCES : END_CLIENT_RESET);
	case DOWNSTREAM_TLS_ERROR:
		break;
	}
	fate_decide(c, FATE_INTERCEPT, c->reason);
	return fate_refuse(c, END_CLIENT_TLS_ERROR);
}

enum conn_state greet_client(struct conn *c)
{
	struct session_facts facts = session_facts(c->upstream);
	enum conn_state next;

	fate_decide(c, FATE_INTERCEPT, c->reason);
	next = greet_go_on(c, &facts);
	if (!c->is_greeted)
		return next;
	early_remember(c);
	return CONN_RELAYING;
}

enum conn_state greet_late(struct conn *c)
{
	return conn_end(c, END_CLIENT_TIMEOUT);
}
