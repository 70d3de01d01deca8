/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_NET_QUEUE_H
#define POSTERN_NET_QUEUE_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One NFQUEUE: packets that the rules ask us about, and our verdicts
 * (linux/netfilter/nfnetlink_queue.h, by libnetfilter_queue). Needs CAP_NET_ADMIN for as long as it
 * is open.
 */

/* Bits of the packet mark by which a verdict tells the rules what it is. */
enum {
	QUEUE_MARK_INTERCEPT = 0x10,
	QUEUE_MARK_PASS = 0x20,
};

struct mnl_socket;

struct queue {
	struct mnl_socket *socket;
	uint16_t number;
	alignas(8) char buffer[8192]; /* the packet that queue_next() returned last */
};

/* A packet that waits. */
struct queued {
	uint32_t id;
	uint32_t mark;
	const uint8_t *bytes; /* from the IP header on, cut short; valid until the next call */
	size_t n;
};

/*
 * Binds the queue. `length` packets may wait in it; what comes beyond is accepted without a verdict
 * if `overflows_open`, else dropped. `copied` bytes of each packet are handed over, at most 4096.
 * 0 or -errno; -EPERM: another process has it, or we may not.
 */
int queue_open(struct queue *queue, uint16_t number, unsigned length, bool overflows_open,
	       unsigned copied);
void queue_close(struct queue *queue);
int queue_fd(const struct queue *queue);

/* The next packet: 1 when there is one, 0 when none waits, or -errno. */
int queue_next(struct queue *queue, struct queued *ret_queued);

/* Lets the packet go on to the next hook with this mark. */
int queue_accept(struct queue *queue, uint32_t id, uint32_t mark);

#endif
