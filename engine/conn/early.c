/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A client's handshake depends on its server in few things: the certificate, the version, the suite
 * and the protocol (ALPN). Most servers show the same ones each time. So where the owner wants it,
 * a client is greeted by what its server showed a moment ago, to whomever, while that is being
 * dialled and asked as ever. The story stays the same, state by state: the client's handshake is
 * done beside the steps of dialling and probing, and CONN_GREETING finds it begun, or over.
 *
 * What the client sends behind its handshake stays in its socket. The relay, which reads it, begins
 * when the server has proved who it is and is found to be as it was. If it is not, the connection
 * cannot be passed any more, nor greeted anew: it ends, and the server is no familiar one for a
 * while (tls/familiars.h). What is to be learned of it is learned as ever.
 *
 * Rules do not come into it: they decide by the client, the address and the name, before the dial.
 */
#include "conn/early.h"

#include <stdio.h>

#include "conn/carry.h"
#include "conn/count.h"
#include "conn/fate.h"
#include "conn/forge.h"
#include "conn/greet.h"
#include "conn/learning.h"
#include "conn/pinning.h"
#include "conn/resuming.h"
#include "conn/worker.h"
#include "tls/familiars.h"
#include "tls/upstream.h"

/* --- what is known --- */

static bool is_wanted(const struct conn *c)
{
	return config_of(c)->downstream.greet_early && !c->is_own && !c->is_http1 &&
	       c->hello->has_sni;
}

/* It was seen to ask for no certificate: or its client may have to be passed. */
void early_consider(struct conn *c)
{
	if (!is_wanted(c))
		return;
	c->has_familiar_key = resuming_key(c, NULL, c->familiar_key);
	if (c->has_familiar_key && learning_asks_nothing(c) && !pinning_passes(c))
		c->familiar =
			familiars_find(c->worker->familiars, c->familiar_key, c->worker->loop.now);
}

void early_remember(struct conn *c)
{
	struct session_facts facts = session_facts(c->upstream);

	if (c->has_familiar_key && c->chain_verdict == VERIFY_OK && !upstream_request(c->upstream))
		familiars_keep(c->worker->familiars, c->familiar_key, &facts, c->judgement,
			       c->worker->loop.now);
}

void early_forget(struct conn *c)
{
	if (c->familiar)
		familiars_bar(c->worker->familiars, c->familiar_key, c->worker->loop.now);
}

/* --- greeting --- */

/* False: the leaf is not there any more, and the client has to wait for its server after all. */
static bool may_begin(struct conn *c, const struct session_facts *facts)
{
	c->forged = forge_find(&c->worker->forge, CERTGEN_TRUSTED,
			       leaf_key_for(c->hello, &c->settings->limits, facts), c->hello->host,
			       familiar_judgement(c->familiar)->der, c->worker->loop.now);
	if (!c->forged) {
		familiar_unref(c->familiar);
		c->familiar = NULL;
		return false;
	}
	c->reason = c->verdict.file ? REASON_RULE : REASON_DEFAULT;
	count_greeted_early(c);
	return true;
}

enum conn_state early_greet(struct conn *c)
{
	struct session_facts facts;
	enum conn_state next;

	if (!c->familiar || c->is_greeted)
		return c->state;
	facts = familiar_facts(c->familiar);
	if (!c->downstream && !may_begin(c, &facts))
		return c->state;
	next = greet_go_on(c, &facts);
	if (c->is_greeted)
		carry_invite(c);
	return next;
}

/* --- the server has answered --- */

/* NULL: nothing is different. */
static const char *difference(const struct conn *c)
{
	struct session_facts facts = session_facts(c->upstream);

	if (upstream_request(c->upstream))
		return "a request for a certificate";
	if (c->chain_verdict != VERIFY_OK)
		return "a certificate that does not verify";
	return familiar_difference(c->familiar, &facts, c->judgement);
}

bool early_holds(struct conn *c)
{
	const char *what = difference(c);

	if (what)
		snprintf(c->detail, sizeof(c->detail), "%s", what);
	return !what;
}

enum conn_state early_regret(struct conn *c, enum reason reason)
{
	snprintf(c->detail, sizeof(c->detail), "would be passed now: %s", reason_text(reason));
	return fate_block(c, REASON_SERVER_CHANGED, ALERT_INTERNAL_ERROR);
}
