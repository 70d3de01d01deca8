/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our handshake with the server, which is at once the question what it wants of its clients.
 *
 * When it asks for a certificate, nothing but our hello has been sent. The rest of its first flight
 * is then read, still without an answer: it holds the server's certificate and the proof that the
 * server has its key. So what is learned is never more than what the server proved, and one that
 * asks only to escape inspection must at least be who it says it is.
 */
#include "conn/probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conn/fate.h"
#include "conn/learning.h"
#include "conn/outcome.h"
#include "conn/pinning.h"
#include "conn/report.h"
#include "conn/resuming.h"
#include "conn/revocation.h"
#include "conn/worker.h"
#include "tls/upstream.h"

enum conn_state probe_dial(struct conn *c)
{
	int r = c->server.fd < 0 ? fate_dial(c, config_of(c)->upstream.fast_open) : 0;

	if (r == 0)
		r = fate_dial_progress(c);
	if (r == -ECONNRESET) /* connected, and reset before it was looked at: as in the probe */
		return fate_pass_or_block(c, config_of(c)->upstream.unsupported,
					  REASON_SERVER_RESET);
	if (r < 0)
		return fate_dial_failed(c, r);
	if (fate_is_client_gone(c))
		return fate_client_gone(c);
	return r > 0 ? CONN_PROBING : CONN_DIALLING;
}

/* --- the chain --- */

static const struct {
	enum reason reason;
	enum alert alert;
} bad_chains[] = {
	[VERIFY_EXPIRED] = { REASON_CERTIFICATE_EXPIRED, ALERT_CERTIFICATE_EXPIRED },
	[VERIFY_NOT_YET_VALID] = { REASON_CERTIFICATE_NOT_YET_VALID, ALERT_CERTIFICATE_EXPIRED },
	[VERIFY_NAME_MISMATCH] = { REASON_CERTIFICATE_NAME_MISMATCH, ALERT_BAD_CERTIFICATE },
	[VERIFY_UNTRUSTED] = { REASON_CERTIFICATE_UNTRUSTED, ALERT_UNKNOWN_CA },
	[VERIFY_OWN_CA] = { REASON_CERTIFICATE_OWN_CA, ALERT_UNKNOWN_CA },
	[VERIFY_REVOKED] = { REASON_CERTIFICATE_REVOKED, ALERT_CERTIFICATE_REVOKED },
	[VERIFY_REVOCATION_UNKNOWN] = { REASON_CERTIFICATE_REVOCATION_UNKNOWN,
					ALERT_CERTIFICATE_UNKNOWN },
	[VERIFY_UNSUPPORTED] = { REASON_SERVER_CERTIFICATE_UNSUPPORTED, ALERT_HANDSHAKE_FAILURE },
	[VERIFY_INVALID] = { REASON_CERTIFICATE_INVALID, ALERT_BAD_CERTIFICATE },
};

static enum conn_state block_chain(struct conn *c)
{
	return fate_block(c, bad_chains[c->chain_verdict].reason,
			  bad_chains[c->chain_verdict].alert);
}

/* False: a certificate is on its way that may make it another verdict. */
static bool judge(struct conn *c)
{
	struct der chain[VERIFY_CHAIN_MAX];
	unsigned n;

	if (!c->judgement || c->judgement->issuer_url) {
		n = upstream_chain(c->upstream, chain, VERIFY_CHAIN_MAX);
		learning_judge(c, chain, n);
		if (issuers_are_awaited(c, chain, n))
			return false;
	}
	if (c->is_own && c->chain_verdict != VERIFY_OK)
		learning_forget(c);
	return true;
}

/* A server of TLS 1.2 that goes on has said so; another has yet to be heard. */
static enum conn_state asked_and_went_on(struct conn *c)
{
	if (session_facts(c->upstream).version > 0x0303)
		return CONN_HEARING;
	if (!c->is_own) /* the relay learns more, from the first answer */
		return CONN_FORGING;
	outcome_served(c);
	return conn_end(c, END_REFUSED);
}

/* The handshake is complete, and a forged leaf is all that is missing. */
static enum conn_state judge_server(struct conn *c)
{
	if (!judge(c) || (c->chain_verdict == VERIFY_OK && revocation_is_awaited(c)))
		return CONN_PROBING;
	if (c->chain_verdict == VERIFY_OK) {
		c->reason = c->verdict.file ? REASON_RULE : REASON_DEFAULT;
		if (outcome_is_awaited(c))
			return asked_and_went_on(c);
		(void)learning_note(c, LEARN_NOTHING);
		learning_end(c);
		if (pinning_passes(c))
			return fate_pass(c, FATE_PASS, REASON_CLIENT_PINS);
		return c->is_own ? conn_end(c, END_REFUSED) : CONN_FORGING;
	}
	report_unverified(c);
	if (c->chain_verdict == VERIFY_UNSUPPORTED)
		return fate_pass_or_block(c, config_of(c)->upstream.unsupported,
					  REASON_SERVER_CERTIFICATE_UNSUPPORTED);
	if (c->chain_verdict == VERIFY_REVOCATION_UNKNOWN &&
	    config_of(c)->upstream.revocation_unknown == ACTION_PASS)
		return fate_pass(c, FATE_PASS, REASON_CERTIFICATE_REVOCATION_UNKNOWN);
	c->reason = bad_chains[c->chain_verdict].reason;
	if (config_of(c)->upstream.invalid == ON_INVALID_MIRROR && !c->is_own)
		return CONN_FORGING;
	return block_chain(c);
}

/* --- a server that asks for a certificate --- */

/* The same handshake goes on, now or with an empty certificate. */
static enum conn_state go_on(struct conn *c, bool is_to_be_proven)
{
	c->is_proving = is_to_be_proven;
	worker_ready(c);
	return CONN_PROBING;
}

/*
 * Its answers will have to be understood (outcome.c), and the client may have to be redirected: so
 * if it would speak HTTP/2, and the client speaks HTTP/1.1 as well, once more from the start.
 */
static enum conn_state intercept_without(struct conn *c)
{
	struct session_facts facts = session_facts(c->upstream);

	if (c->is_http1 || c->is_own || !facts.alpn || strcmp(facts.alpn, "h2") != 0)
		return go_on(c, false);
	c->is_http1 = true;
	fate_drop_server(c);
	report_upstream_anew(c);
	return CONN_DIALLING;
}

static enum conn_state wants_certificate(struct conn *c)
{
	switch (learning_action_now(c)) {
	case ACTION_PASS:
		return go_on(c, true);
	case ACTION_BLOCK:
		return fate_block(c, REASON_CLIENT_CERTIFICATE_REQUESTED, ALERT_HANDSHAKE_FAILURE);
	case ACTION_INTERCEPT:
		break;
	}
	return intercept_without(c);
}

static enum conn_state asks_for_others(struct conn *c)
{
	enum reason reason = REASON_CLIENT_CERTIFICATE_OTHER_AUTHORITY;

	switch (config_of(c)->client_certificate.other_authorities) {
	case ACTION_PASS:
		return fate_pass(c, FATE_PASS, reason);
	case ACTION_BLOCK:
		return fate_block(c, reason, ALERT_HANDSHAKE_FAILURE);
	case ACTION_INTERCEPT:
		break;
	}
	return intercept_without(c);
}

/*
 * It asked, and what came behind that is beyond mbedTLS: a request or a certificate that is too
 * large, a key of another kind. Perhaps the client can; nothing is learned.
 */
static enum conn_state pass_unproven(struct conn *c)
{
	if (learning_is_listed(c))
		return fate_pass(c, FATE_PASS, REASON_CLIENT_CERTIFICATE_REQUESTED);
	if (config_of(c)->client_certificate.other_authorities == ACTION_PASS)
		return fate_pass(c, FATE_PASS, REASON_CLIENT_CERTIFICATE_OTHER_AUTHORITY);
	return fate_block(c, REASON_CLIENT_CERTIFICATE_OTHER_AUTHORITY, ALERT_HANDSHAKE_FAILURE);
}

static enum conn_state judge_asking_server(struct conn *c)
{
	const struct config *config = config_of(c);

	if (!judge(c))
		return CONN_PROBING;
	if (c->chain_verdict != VERIFY_OK)
		report_unverified(c);
	if (c->chain_verdict == VERIFY_UNSUPPORTED)
		return pass_unproven(c);
	if (c->chain_verdict != VERIFY_OK)
		return config->client_certificate.unverified == ACTION_PASS
			       ? fate_pass(c, FATE_PASS, REASON_CLIENT_CERTIFICATE_UNVERIFIED)
			       : block_chain(c);
	if (!learning_is_listed(c))
		return asks_for_others(c);
	if (!learning_note(c, LEARN_ASKED) || (c->is_own && learning_is_outcome_wanted(c)))
		return intercept_without(c);
	learning_end(c);
	if (c->is_own)
		return conn_end(c, END_REFUSED);
	if (c->known_class == LEARN_ASKED && learning_is_outcome_wanted(c))
		(void)conn_new_own(c);
	return fate_pass(c, FATE_LEARN, REASON_CLIENT_CERTIFICATE_REQUESTED);
}

/* --- the handshake --- */

/* Something this engine cannot speak to; perhaps the client can. */
static enum conn_state unsupported(struct conn *c, enum reason reason)
{
	if (c->is_proving)
		return pass_unproven(c);
	if (outcome_is_asked(c) && outcome_is_refusal(session_alert(c->upstream))) {
		(void)judge(c); /* with what is there: the session is over */
		return outcome_refused(c);
	}
	if (session_alert(c->upstream))
		snprintf(c->detail, sizeof(c->detail), "alert %u", session_alert(c->upstream));
	else
		snprintf(c->detail, sizeof(c->detail), "%s", session_error(c->upstream));
	return fate_pass_or_block(c, config_of(c)->upstream.unsupported, reason);
}

static bool begin(struct conn *c)
{
	if (upstream_new(&c->server, c->worker->tls, c->hello, &c->settings->limits, &c->upstream) <
	    0)
		return false;
	if (c->is_http1 || c->verdict.is_scanned)
		(void)upstream_offer_http1(c->upstream);
	if (learning_action(c, LEARN_LATE) != ACTION_INTERCEPT)
		upstream_hear_late(c->upstream);
	resuming_begin(c);
	return true;
}

static enum conn_state once_more(struct conn *c)
{
	fate_drop_server(c);
	report_upstream_anew(c);
	return CONN_DIALLING;
}

static enum conn_state act_on(struct conn *c, enum upstream_result result)
{
	switch (result) {
	case UPSTREAM_WAIT:
		return CONN_PROBING;
	case UPSTREAM_READY:
		return judge_server(c);
	case UPSTREAM_WANTS_CERTIFICATE:
		return wants_certificate(c);
	case UPSTREAM_PROVEN:
		return judge_asking_server(c);
	case UPSTREAM_LEGACY_TLS:
		return unsupported(c, REASON_SERVER_LEGACY_TLS);
	case UPSTREAM_REFUSED_OFFER:
		return unsupported(c, REASON_SERVER_REFUSED_OFFER);
	case UPSTREAM_MESSAGE_TOO_LARGE:
		return unsupported(c, REASON_SERVER_MESSAGE_TOO_LARGE);
	case UPSTREAM_CERTIFICATE_UNSUPPORTED:
		return unsupported(c, REASON_SERVER_CERTIFICATE_UNSUPPORTED);
	case UPSTREAM_TLS_ERROR:
		return unsupported(c, REASON_SERVER_TLS_ERROR);
	case UPSTREAM_CLOSED:
		return unsupported(c, REASON_SERVER_CLOSED);
	case UPSTREAM_RESET:
		return unsupported(c, REASON_SERVER_RESET);
	}
	return conn_end(c, END_SERVER_TLS_ERROR);
}

static bool is_failure(enum upstream_result result)
{
	return result != UPSTREAM_WAIT && result != UPSTREAM_READY &&
	       result != UPSTREAM_WANTS_CERTIFICATE && result != UPSTREAM_PROVEN;
}

enum conn_state probe_server(struct conn *c)
{
	enum upstream_result result;

	if (fate_is_client_gone(c))
		return fate_client_gone(c);
	if (!c->upstream && !begin(c))
		return fate_fail(c, REASON_NO_RESOURCES);
	result = c->is_proving ? upstream_prove(c->upstream) : upstream_handshake(c->upstream);
	if (is_failure(result) && resuming_was_tried(c))
		return once_more(c);
	if (result != UPSTREAM_WAIT)
		resuming_settle(c);
	return act_on(c, result);
}

enum conn_state probe_late(struct conn *c)
{
	return fate_block(c, REASON_SERVER_TIMEOUT, ALERT_INTERNAL_ERROR);
}
