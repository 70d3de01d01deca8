/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/buffer.h"

#include <stdlib.h>

enum { SPARE_MAX = 64 }; /* buffers kept; 4 MiB a thread */

struct buffer *buffer_borrow(struct buffer_pool *pool)
{
	struct buffer *buffer = pool->spare;

	if (buffer) {
		pool->spare = buffer->next;
		pool->n--;
	} else {
		buffer = malloc(sizeof(*buffer));
	}
	if (buffer)
		buffer->begin = buffer->end = 0;
	return buffer;
}

void buffer_return(struct buffer_pool *pool, struct buffer **buffer)
{
	struct buffer *given = *buffer;

	*buffer = NULL;
	if (!given)
		return;
	if (pool->n >= SPARE_MAX) {
		free(given);
		return;
	}
	given->next = pool->spare;
	pool->spare = given;
	pool->n++;
}

void buffer_pool_deinit(struct buffer_pool *pool)
{
	while (pool->spare) {
		struct buffer *next = pool->spare->next;

		free(pool->spare);
		pool->spare = next;
	}
	pool->n = 0;
}
