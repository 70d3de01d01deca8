/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server that asks in the handshake may insist or not, and says so in one of three ways:
 *
 *     TLS 1.2    an alert instead of its Finished: the client has seen nothing, and is passed
 *     TLS 1.3    an alert after our Finished, when the handshake is over for us. So its first word
 *                is awaited before the client is greeted: a ticket, data, an alert, or nothing for
 *                timeouts.hear
 *     HTTP/1.1   400 (nginx), 401 or 403 as its first answer: the client is in the session by then,
 *                and is redirected (late.c), so that its next connection passes
 */
#include "conn/outcome.h"

#include <string.h>

#include "conn/fate.h"
#include "conn/learning.h"
#include "conn/request.h"
#include "conn/worker.h"
#include "tls/upstream.h"

bool outcome_is_refusal(uint8_t alert)
{
	return alert == ALERT_HANDSHAKE_FAILURE || alert == ALERT_NO_CERTIFICATE ||
	       alert == ALERT_BAD_CERTIFICATE || alert == ALERT_ACCESS_DENIED ||
	       alert == ALERT_DECODE_ERROR || /* GnuTLS, of an empty list in TLS 1.2 */
	       alert == ALERT_CERTIFICATE_REQUIRED;
}

bool outcome_is_asked(const struct conn *c)
{
	return upstream_request(c->upstream) && !upstream_is_late(c->upstream) && !c->is_proving;
}

bool outcome_is_awaited(const struct conn *c)
{
	return c->chain_verdict == VERIFY_OK && outcome_is_asked(c);
}

enum conn_state outcome_refused(struct conn *c)
{
	if (c->chain_verdict == VERIFY_OK && learning_is_listed(c) &&
	    learning_note(c, LEARN_REQUIRED) && learning_action(c, LEARN_REQUIRED) == ACTION_PASS) {
		learning_end(c);
		return fate_pass(c, FATE_LEARN, REASON_CLIENT_CERTIFICATE_REQUESTED);
	}
	return fate_block(c, REASON_CLIENT_CERTIFICATE_REQUESTED, ALERT_HANDSHAKE_FAILURE);
}

void outcome_served(struct conn *c)
{
	bool is_news = !c->is_known || learn_class_is_less_exact(c->known_class, LEARN_UNUSED) ||
		       !learn_class_is_in_handshake(c->known_class) || !c->is_fresh;

	if (is_news && c->chain_verdict == VERIFY_OK)
		(void)learning_note(c, LEARN_UNUSED);
}

static enum conn_state go_on(struct conn *c)
{
	return c->is_own ? conn_end(c, END_REFUSED) : CONN_FORGING;
}

enum conn_state outcome_hear(struct conn *c)
{
	if (fate_is_client_gone(c))
		return fate_client_gone(c);
	switch (session_hear(c->upstream)) {
	case SESSION_WAIT:
		return CONN_HEARING;
	case SESSION_OK:
		/* What it says may be an answer of HTTP, which the relay looks at. */
		if (c->is_own)
			outcome_served(c);
		return go_on(c);
	case SESSION_ALERT:
		if (outcome_is_refusal(session_alert(c->upstream)))
			return outcome_refused(c);
		break;
	case SESSION_WANTS_CERTIFICATE:
	case SESSION_CLOSED:
	case SESSION_TRUNCATED:
	case SESSION_RESET:
	case SESSION_ERROR:
		break;
	}
	return go_on(c); /* the relay carries it to the client, whatever it is */
}

enum conn_state outcome_unheard(struct conn *c)
{
	return go_on(c);
}

bool outcome_is_refused_by(struct conn *c, const uint8_t *bytes, size_t n)
{
	struct session_facts facts = session_facts(c->upstream);
	unsigned status = response_status(bytes, n);

	if (status == 400 || status == 401 || status == 403)
		return true;
	/* Data is data; but what HTTP/2 answers is not known from its first bytes. */
	if (status != 0 || !facts.alpn || strcmp(facts.alpn, "h2") != 0)
		outcome_served(c);
	return false;
}
