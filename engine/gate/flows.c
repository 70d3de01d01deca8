/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/flows.h"

#include "base/hash.h"
#include "tls/quic.h"
#include <stdlib.h>
#include <string.h>

/* Keyed, and a full table must be an answer, not an abort(). */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

/*
 * A flow is remembered for as long as it would have been waited for: what its client sent in one
 * burst with the hello (0-RTT, a repetition) may stand in the queue already when the verdict falls,
 * and knows nothing of its connmark.
 */
enum {
	FLOWS_MAX = 1024,
	WAITING_MAX = 16, /* packets of one flow: a first flight has two or three */
	PATIENCE_MS = 1000,
};

struct ends {
	union addr client, server;
};

struct flow {
	struct ends ends;         /* the key */
	struct quic_hello *hello; /* NULL: decided */
	bool is_pass;
	struct flows_packet waiting[WAITING_MAX];
	unsigned n_waiting;
	uint64_t deadline;
	UT_hash_handle hh; /* in the order of their deadlines, too: all have the same patience */
};

struct flows {
	struct flow *table;
	flows_answer *answer;
	void *context;
};

struct flows *flows_new(flows_answer *answer, void *context)
{
	struct flows *flows = calloc(1, sizeof(*flows));

	if (flows) {
		flows->answer = answer;
		flows->context = context;
	}
	return flows;
}

static void decide(struct flows *flows, struct flow *flow, bool is_pass)
{
	for (unsigned i = 0; i < flow->n_waiting; i++)
		flows->answer(flows->context, &flow->waiting[i], is_pass);
	flow->n_waiting = 0;
	quic_hello_free(flow->hello);
	flow->hello = NULL;
	flow->is_pass = is_pass;
}

static void drop(struct flows *flows, struct flow *flow)
{
	decide(flows, flow, false);
	HASH_DEL(flows->table, flow);
	free(flow);
}

void flows_clear(struct flows *flows)
{
	while (flows->table)
		drop(flows, flows->table);
}

void flows_free(struct flows *flows)
{
	if (!flows)
		return;
	flows_clear(flows);
	free(flows);
}

void flows_expire(struct flows *flows, uint64_t now)
{
	while (flows->table && flows->table->deadline <= now)
		drop(flows, flows->table);
}

static struct flow *add(struct flows *flows, const struct ends *ends, uint64_t now)
{
	struct flow *flow = calloc(1, sizeof(*flow));

	if (flow)
		flow->hello = quic_hello_new();
	if (flow && flow->hello) {
		flow->ends = *ends;
		flow->deadline = now + PATIENCE_MS;
		HASH_ADD(hh, flows->table, ends, sizeof(*ends), flow);
		if (flow->hh.tbl)
			return flow;
	}
	if (flow)
		quic_hello_free(flow->hello);
	free(flow);
	return NULL;
}

static struct flow *find_or_add(struct flows *flows, const struct packet *packet, uint64_t now)
{
	struct flow *flow;
	struct ends ends;

	memset(&ends, 0, sizeof(ends)); /* the padding is hashed, too */
	ends.client = packet->client;
	ends.server = packet->server;
	HASH_FIND(hh, flows->table, &ends, sizeof(ends), flow);
	if (flow)
		return flow;
	if (HASH_COUNT(flows->table) >= FLOWS_MAX)
		drop(flows, flows->table); /* the first is the oldest */
	return add(flows, &ends, now);
}

static bool is_passed(const struct flow *flow, const struct ruleset *rules)
{
	const struct hello *hello = quic_hello_get(flow->hello);
	struct subject subject = { .client = flow->ends.client,
				   .server = flow->ends.server,
				   .host = hello->host };

	return ruleset_decide(rules, &subject).action == ACTION_PASS;
}

void flows_take(struct flows *flows, const struct ruleset *rules, const struct packet *packet,
		struct flows_packet waiting, uint64_t now)
{
	struct flow *flow = find_or_add(flows, packet, now);
	enum quic_result result;

	if (!flow) {
		flows->answer(flows->context, &waiting, false);
		return;
	}
	if (!flow->hello) {
		flows->answer(flows->context, &waiting, flow->is_pass);
		return;
	}
	if (flow->n_waiting == WAITING_MAX) {
		flows->answer(flows->context, &waiting, false);
		decide(flows, flow, false);
		return;
	}
	flow->waiting[flow->n_waiting++] = waiting;
	result = quic_hello_feed(flow->hello, packet->payload, packet->n_payload);
	switch (result) {
	case QUIC_HELLO_WHOLE:
		decide(flows, flow, is_passed(flow, rules));
		break;
	case QUIC_MORE:
		break;
	case QUIC_NOT_INITIAL:
	case QUIC_UNKNOWN_VERSION:
		if (flow->n_waiting > 1) /* 0-RTT data behind the first part of the hello */
			break;
		decide(flows, flow, false);
		break;
	case QUIC_INVALID:
		decide(flows, flow, false);
		break;
	}
}
