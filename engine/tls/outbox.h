/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_OUTBOX_H
#define POSTERN_TLS_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sock.h"
#include "tls/buffer.h"
#include "tls/protect.h"
#include "tls/session.h"

/*
 * Records that are sealed and not sent yet: what is put here between two flushes leaves in one
 * call, and in as few segments as it fits into. A buffer is there only while something is in it.
 * One thread. Private to this folder.
 */
struct outbox {
	struct sock *sock; /* borrowed, as is the pool */
	struct buffer_pool *pool;
	struct buffer *buffer; /* NULL: nothing is to be sent */
	uint8_t *kept;         /* to go before what is put in first; owned; NULL: nothing */
	size_t n_kept;
};

/* `unsent`: what the handshake left to be sent; taken over; NULL: nothing. */
struct outbox outbox_of(struct sock *sock, struct buffer_pool *pool, struct buffer *unsent);
/* What is in it may wait for more; it takes no more room than it needs then. */
void outbox_keep(struct outbox *box);
void outbox_deinit(struct outbox *box);

/* Room for a record of n bytes of data, and a KeyUpdate and an alert behind it. */
bool outbox_has_room(const struct outbox *box, size_t n);
/* One more record, behind the others. False: no room, or no memory. */
bool outbox_seal(struct outbox *box, struct protect *protect, uint8_t type, const uint8_t *bytes,
		 size_t n);

/*
 * 0 when all is sent; -EAGAIN; or -errno of the socket. What is kept counts, unless it is alone and
 * only what was written is asked for.
 */
int outbox_flush(struct outbox *box, enum session_flush which);

#endif
