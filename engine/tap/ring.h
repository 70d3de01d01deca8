/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_RING_H
#define POSTERN_TAP_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/event.h"

/*
 * Events on their way: a ring of bytes into which one side puts and which any number of readers
 * read, each at its own pace. What is put always finds room: the oldest event goes for it, and a
 * reader that had not come to it finds out how many it missed. No lock in it.
 *
 * Positions only grow; a position's place in memory is its distance from `base`.
 */
struct ring {
	uint8_t *bytes;
	size_t size;
	uint64_t base, tail, head;       /* positions; tail: of the oldest event */
	uint64_t n_put[EVENT_N_TYPES];   /* of each kind so far */
	uint64_t n_taken[EVENT_N_TYPES]; /* of those, before tail */
};

struct ring_reader {
	uint64_t at;
	uint64_t n_past[EVENT_N_TYPES]; /* of each kind, before `at` */
};

/* What stands before each event, in the ring and in what ring_read() gives. */
struct ring_record {
	uint32_t n;
	uint32_t type;
};

/* 0 or -ENOMEM. */
int ring_init(struct ring *ring, size_t size);
void ring_deinit(struct ring *ring);

/* False: it is larger than the ring. */
bool ring_put(struct ring *ring, enum event_type type, const void *bytes, size_t n);

/* A reader to whom everything is still to come. */
struct ring_reader ring_reader(const struct ring *ring);

static inline bool ring_is_read(const struct ring *ring, const struct ring_reader *reader)
{
	return reader->at == ring->head;
}

/* How many events of these kinds went unread since it was last asked; the reader is beyond them. */
uint64_t ring_missed(const struct ring *ring, struct ring_reader *reader, uint32_t types);

/*
 * The next events of these kinds before the position `end`, as many as there is room for and at
 * most `most`, each behind its struct ring_record: the number of bytes. The reader is to know what
 * it missed.
 */
size_t ring_read(const struct ring *ring, struct ring_reader *reader, uint32_t types, uint64_t end,
		 uint8_t *bytes, size_t room, unsigned most);

/* How many of these kinds are left before `end`; the reader is behind them then. */
uint64_t ring_left(const struct ring *ring, struct ring_reader *reader, uint32_t types,
		   uint64_t end);

/* Every reader has read everything: what is put next goes where the memory is warm. */
void ring_rewind(struct ring *ring);

#endif
