/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_PACKETS_H
#define POSTERN_TAP_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tap/frames.h"

/*
 * A batch of packets in the form of a capture file, which libpcap gives them, in memory: so files
 * and streams get the same bytes, and whoever writes them knows where a packet ends.
 */
struct packets;

enum { PACKETS_MAX = 256 << 10 /* bytes of a batch */ };

/* 0 or -ENOMEM. */
int packets_new(struct packets **ret_packets);
void packets_free(struct packets *packets);

/* What a file begins with. */
const uint8_t *packets_header(const struct packets *packets, size_t *ret_n);

bool packets_have_room(const struct packets *packets);
/* One more, while there is room. `time`: us since 1970. */
void packets_add(struct packets *packets, uint64_t time, const uint8_t *frame, size_t n);
/* The batch. */
const uint8_t *packets_bytes(const struct packets *packets, size_t *ret_n, unsigned *ret_packets);
/* Wiped, and empty again. */
void packets_clear(struct packets *packets);

#endif
