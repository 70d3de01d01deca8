/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/outbox.h"

#include <stdlib.h>
#include <string.h>

enum {
	/* Kept free behind data: for a KeyUpdate and for an alert. */
	SPARE = 2 * (8 + PROTECT_OVERHEAD_MAX),
};

struct outbox outbox_of(struct sock *sock, struct buffer_pool *pool, struct buffer *unsent)
{
	return (struct outbox){ .sock = sock, .pool = pool, .buffer = unsent };
}

void outbox_keep(struct outbox *box)
{
	struct buffer *buffer = box->buffer;
	size_t n = buffer ? buffer->end - buffer->begin : 0;

	box->kept = n > 0 ? malloc(n) : NULL;
	if (!box->kept)
		return; /* it is sent at once */
	memcpy(box->kept, buffer->bytes + buffer->begin, n);
	box->n_kept = n;
	buffer_return(box->pool, &box->buffer);
}

void outbox_deinit(struct outbox *box)
{
	buffer_return(box->pool, &box->buffer);
	free(box->kept);
	box->kept = NULL;
}

/* There is a buffer, and in it what was kept. False: no memory. */
static bool begin(struct outbox *box)
{
	if (!box->buffer)
		box->buffer = buffer_borrow(box->pool);
	if (!box->buffer || !box->kept)
		return box->buffer != NULL;
	memcpy(box->buffer->bytes, box->kept, box->n_kept);
	box->buffer->end = box->n_kept;
	free(box->kept);
	box->kept = NULL;
	return true;
}

static size_t room(const struct outbox *box)
{
	return sizeof(box->buffer->bytes) - box->buffer->end;
}

bool outbox_has_room(const struct outbox *box, size_t n)
{
	return !box->buffer || room(box) >= n + PROTECT_OVERHEAD_MAX + SPARE;
}

bool outbox_seal(struct outbox *box, struct protect *protect, uint8_t type, const uint8_t *bytes,
		 size_t n)
{
	size_t length;

	if (!begin(box) || room(box) < n + PROTECT_OVERHEAD_MAX)
		return false;
	length = protect_seal(protect, type, bytes, n, box->buffer->bytes + box->buffer->end);
	box->buffer->end += length;
	return length > 0;
}

int outbox_flush(struct outbox *box, enum session_flush which)
{
	struct buffer *buffer;

	if (which != SESSION_FLUSH_WRITTEN && box->kept)
		(void)begin(box); /* without memory it is lost, and only a ticket */
	buffer = box->buffer;
	while (buffer && buffer->begin < buffer->end) {
		const uint8_t *bytes = buffer->bytes + buffer->begin;
		size_t left = buffer->end - buffer->begin;
		ssize_t n = which == SESSION_FLUSH_LAST ? sock_send_more(box->sock, bytes, left)
							: sock_send(box->sock, bytes, left);

		if (n < 0)
			return (int)n;
		buffer->begin += (size_t)n;
	}
	buffer_return(box->pool, &box->buffer);
	return 0;
}
