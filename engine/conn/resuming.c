/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/resuming.h"

#include "conn/learning.h"
#include "conn/worker.h"
#include "tls/resumptions.h"
#include "tls/upstream.h"

static void keep(void *keeper, struct resumption *resumption)
{
	struct conn *c = keeper;

	if (c->judgement && c->judgement->verdict == VERIFY_OK)
		resumptions_keep(c->worker->resumptions, c->session_key, resumption, c->judgement,
				 c->worker->loop.now);
	else
		resumption_free(resumption);
}

static void offer(struct conn *c)
{
	struct judgement *judgement = NULL;
	struct resumption *resumption = resumptions_take(c->worker->resumptions, c->session_key,
							 c->worker->loop.now, &judgement);

	c->is_resuming = resumption && upstream_resume(c->upstream, resumption);
	resumption_free(resumption);
	if (!c->is_resuming) {
		judgement_unref(judgement);
		return;
	}
	judgement_unref(c->judgement);
	c->judgement = judgement;
	c->chain_verdict = judgement->verdict;
}

/* A verdict is worth nothing under another configuration, nor with other authorities or lists. */
static uint64_t generation_of(const struct conn *c)
{
	struct trust *trust = settings_trust(c->settings);
	uint64_t serial = trust_serial(trust);

	trust_free(trust);
	return c->settings->generation ^ serial; /* both are random */
}

bool resuming_key(const struct conn *c, const union addr *client, uint8_t ret_key[RESUMPTIONS_KEY])
{
	struct resumptions_place place = { .client = client,
					   .server = &c->server_addr,
					   .hello = c->hello,
					   .is_http1 = c->verdict.is_scanned,
					   .generation = generation_of(c) };

	return resumptions_key(&place, ret_key);
}

void resuming_begin(struct conn *c)
{
	if (!config_of(c)->upstream.resumption || c->is_own || c->is_http1 || !c->hello->has_sni ||
	    c->has_tried_to_resume || !resuming_key(c, &c->client_addr, c->session_key))
		return;
	upstream_keep(c->upstream, keep, c);
	if (learning_asks_nothing(c))
		offer(c);
}

void resuming_settle(struct conn *c)
{
	if (!c->is_resuming || session_facts(c->upstream).is_resumed)
		return;
	c->is_resuming = false;
	judgement_unref(c->judgement);
	c->judgement = NULL;
}

bool resuming_was_tried(struct conn *c)
{
	bool was_tried = c->is_resuming;

	c->is_resuming = false;
	c->has_tried_to_resume = c->has_tried_to_resume || was_tried;
	return was_tried;
}
