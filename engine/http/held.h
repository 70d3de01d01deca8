/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_HTTP_HELD_H
#define POSTERN_HTTP_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A message of HTTP/1 that is held back, from its first byte to its last, until somebody has judged
 * its body. Nothing behind it is read meanwhile.
 */

enum held_state {
	HELD_NONE,
	HELD_GATHERING, /* there is more to come */
	HELD_JUDGED,    /* it is whole, and the verdict is awaited */
	HELD_RELEASED,  /* what is here goes out; nothing is read before it is gone */
};

/* Bytes of many of them together: one limit for all connections of a thread. */
struct held_budget {
	size_t used, limit;
};

struct held_bytes {
	uint8_t *at; /* owned */
	size_t n, room;
};

struct held {
	enum held_state state;
	struct held_budget *budget;
	struct held_bytes wire;   /* as it came */
	struct held_bytes chunks; /* the body without what chunks need, when it has some */
	bool is_chunked;
	size_t n_head; /* of `wire` */
	size_t n_sent; /* of `wire` */
};

/* Makes room for n bytes more of both. False: no memory, or too little is left of the budget. */
bool held_reserve(struct held *held, size_t n);
/* There must be room. */
void held_put(struct held_bytes *bytes, const void *at, size_t n);

/* The body; the bytes are valid until it is released or dropped. */
const uint8_t *held_body(const struct held *held, size_t *ret_n);

/* As it is, or other bytes in its place (taken over). */
void held_release(struct held *held);
void held_replace(struct held *held, uint8_t *bytes, size_t n);
/* Wipes it. */
void held_drop(struct held *held);

#endif
