/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_GATE_FLOWS_H
#define POSTERN_GATE_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/packet.h"
#include "policy/rule.h"

/*
 * QUIC by host: the flows whose hello is not whole yet. Their packets wait in the kernel until it
 * is; then all of them share its verdict. What cannot be judged in time is rejected, so whoever
 * overflows the table gains nothing.
 */
struct flows;

/* Numbers by which the kernel knows a packet that waits. */
struct flows_packet {
	uint32_t id;
	uint32_t mark;
};

/* Tells the kernel about one packet that waited. */
typedef void flows_answer(void *context, const struct flows_packet *packet, bool is_pass);

struct flows *flows_new(flows_answer *answer, void *context); /* NULL: no memory */
void flows_free(struct flows *flows);
/* Rejects what still waits. */
void flows_clear(struct flows *flows);

/* A packet of a flow that has no verdict yet; it is answered now or later. `now` in ms. */
void flows_take(struct flows *flows, const struct ruleset *rules, const struct packet *packet,
		struct flows_packet waiting, uint64_t now);

/* Rejects what has waited too long. */
void flows_expire(struct flows *flows, uint64_t now);

#endif
