/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_BUFFER_H
#define POSTERN_TLS_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* Room for four of the largest records, lent while bytes are in it. One thread. */
struct buffer {
	struct buffer *next; /* in the pool */
	size_t begin, end;   /* of what is in it */
	uint8_t bytes[66 * 1024];
};

/* All zero is empty and ready. */
struct buffer_pool {
	struct buffer *spare;
	unsigned n;
};

/* Empty; NULL: no memory. */
struct buffer *buffer_borrow(struct buffer_pool *pool);
/* *buffer, if there is one, is NULL afterwards. */
void buffer_return(struct buffer_pool *pool, struct buffer **buffer);

void buffer_pool_deinit(struct buffer_pool *pool);

#endif
