/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_STREAMS_H
#define POSTERN_TAP_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * The beginnings of TCP connections, put together from segments that somebody else saw. No I/O and
 * no clock: segments in, bytes out. The owner drives it:
 *
 *	while ((c = streams_displaced(streams, &segment)))   room, or the same ports once more
 *		look at c, streams_forget(streams, c);
 *	streams_take(streams, &segment, &c);
 *	if (c) look at c; perhaps streams_forget(streams, c);
 *	...
 *	while ((c = streams_oldest(streams)))                the end
 *		look at c, streams_forget(streams, c);
 *
 * What was forgotten stays so: segments of a connection whose beginning (SYN, or the answer to it)
 * was not seen are passed over.
 */
struct streams;

enum { STREAM_MAX = 65536 }; /* bytes kept of each direction */

struct segment {
	union addr from; /* with ports */
	union addr to;
	uint32_t sequence;
	uint32_t acknowledged; /* when has_ack */
	bool has_syn;
	bool has_ack;
	bool has_fin;
	bool has_rst;
	const uint8_t *payload; /* borrowed */
	size_t n;
};

/* One direction. */
struct stream {
	const uint8_t *bytes; /* borrowed until streams_take() or streams_forget() */
	size_t n;             /* from the first byte to the first gap */
};

struct connection; /* one that is being put together */

/* Memory may exceed its limit by what one segment adds. */
struct streams *streams_new(unsigned max_connections, size_t max_bytes); /* NULL: no memory */
void streams_free(struct streams *streams);

/* What must be forgotten before this segment can be taken; NULL: nothing. */
struct connection *streams_displaced(struct streams *streams, const struct segment *segment);

/*
 * 0 or -ENOMEM. *ret_connection: what this segment made longer at its beginning, or ended; else
 * NULL.
 */
int streams_take(struct streams *streams, const struct segment *segment,
		 struct connection **ret_connection);

/* Of those not forgotten the one that began first; NULL: there is none. */
struct connection *streams_oldest(struct streams *streams);
void streams_forget(struct streams *streams, struct connection *connection);

unsigned streams_count(const struct streams *streams);

const union addr *connection_client(const struct connection *connection);
const union addr *connection_server(const struct connection *connection);
struct stream connection_to_server(const struct connection *connection);
struct stream connection_to_client(const struct connection *connection);
/* Nothing more will come of it: both directions are whole or full, or it was reset. */
bool connection_is_over(const struct connection *connection);

/*
 * The owner's own: how many bytes of each direction make it worth to look again. 0 at first.
 */
struct connection_needs {
	size_t to_server, to_client;
};

struct connection_needs *connection_needs(struct connection *connection);

#endif
