/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/held.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 16384 };

static void forget(struct held *held, struct held_bytes *bytes)
{
	if (bytes->at)
		explicit_bzero(bytes->at, bytes->n);
	free(bytes->at);
	held->budget->used -= bytes->room;
	*bytes = (struct held_bytes){ 0 };
}

/* No realloc(): it would leave plaintext behind. */
static bool grow(struct held *held, struct held_bytes *bytes, size_t n)
{
	size_t room = bytes->room ? bytes->room : ROOM_MIN;
	struct held_budget *budget = held->budget;
	struct held_bytes grown;

	if (bytes->room - bytes->n >= n)
		return true;
	while (room - bytes->n < n)
		room *= 2;
	/* For a moment there are both. */
	if (room > budget->limit || budget->used > budget->limit - room)
		return false;
	grown = (struct held_bytes){ .at = malloc(room), .n = bytes->n, .room = room };
	if (!grown.at)
		return false;
	budget->used += room;
	if (bytes->n > 0)
		memcpy(grown.at, bytes->at, bytes->n);
	forget(held, bytes);
	*bytes = grown;
	return true;
}

bool held_reserve(struct held *held, size_t n)
{
	return grow(held, &held->wire, n) && (!held->is_chunked || grow(held, &held->chunks, n));
}

void held_put(struct held_bytes *bytes, const void *at, size_t n)
{
	if (n > 0)
		memcpy(bytes->at + bytes->n, at, n);
	bytes->n += n;
}

const uint8_t *held_body(const struct held *held, size_t *ret_n)
{
	if (held->is_chunked) {
		*ret_n = held->chunks.n;
		return held->chunks.at;
	}
	*ret_n = held->wire.n - held->n_head;
	return held->wire.at + held->n_head;
}

void held_release(struct held *held)
{
	forget(held, &held->chunks);
	held->state = HELD_RELEASED;
}

void held_replace(struct held *held, uint8_t *bytes, size_t n)
{
	held_drop(held);
	if (!bytes)
		return;
	held->wire = (struct held_bytes){ .at = bytes, .n = n, .room = n };
	held->budget->used += n;
	held->state = HELD_RELEASED;
}

void held_drop(struct held *held)
{
	struct held_budget *budget = held->budget;

	if (!budget)
		return;
	forget(held, &held->wire);
	forget(held, &held->chunks);
	*held = (struct held){ .budget = budget };
}
