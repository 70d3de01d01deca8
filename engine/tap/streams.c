/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How it works
 *
 * A direction is a buffer whose first byte is the one after the SYN, and the list of its pieces
 * that are filled: mostly one, which grows at its end. A segment fills what nobody filled before,
 * so that of two that overlap the first one wins, as at most receivers; what reaches beyond
 * STREAM_MAX is not kept. Pieces that meet become one. The first piece, when it begins at 0, is
 * what is known of the beginning. Of more than PIECES_MAX the one farthest away is given up.
 *
 * Sequence numbers are 32 bits and wrap; offsets are taken from the first byte and compared as
 * signed, which is right for all that lies within 2 GB of it.
 */
#include "tap/streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* A full table must be an answer, not an abort(). */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

enum {
	PIECES_MAX = 16,
	BUFFER_LEAST = 2048,
};

struct piece {
	uint32_t begin, end;
};

struct direction {
	uint8_t *bytes;
	uint32_t size;
	uint32_t first; /* the sequence number of its first byte, when has_first */
	uint32_t end;   /* how many bytes there will be at most; STREAM_MAX, less after a FIN */
	bool has_first;
	bool has_end; /* a FIN said so */
	unsigned n_pieces;
	struct piece pieces[PIECES_MAX + 1]; /* in order, apart from each other */
};

struct key {
	uint8_t client[18], server[18]; /* address, port; IPv4 is shorter and has zeros behind it */
};

struct connection {
	UT_hash_handle hh; /* also links them in the order they began */
	struct key key;
	union addr client, server;
	struct direction to_server, to_client;
	bool is_reset;
	struct connection_needs needs;
};

struct streams {
	struct connection *connections;
	size_t n_bytes, max_bytes;
	unsigned max_connections;
};

/* --- the table --- */

static void end_key(const union addr *end, uint8_t ret_key[18])
{
	uint16_t port = addr_port(end);
	const uint8_t *address;
	size_t n;

	memset(ret_key, 0, 18);
	address = addr_bytes(end, &n);
	if (address)
		memcpy(ret_key, address, n);
	memcpy(ret_key + 16, &port, 2);
}

static struct key key_of(const union addr *client, const union addr *server)
{
	struct key key;

	end_key(client, key.client);
	end_key(server, key.server);
	return key;
}

static struct connection *find(const struct streams *streams, const union addr *client,
			       const union addr *server)
{
	struct key key = key_of(client, server);
	struct connection *connection;

	HASH_FIND(hh, streams->connections, &key, sizeof(key), connection);
	return connection;
}

struct streams *streams_new(unsigned max_connections, size_t max_bytes)
{
	struct streams *streams = calloc(1, sizeof(*streams));

	if (streams) {
		streams->max_connections = max_connections;
		streams->max_bytes = max_bytes;
	}
	return streams;
}

void streams_free(struct streams *streams)
{
	if (!streams)
		return;
	while (streams->connections)
		streams_forget(streams, streams->connections);
	free(streams);
}

static struct connection *add(struct streams *streams, const union addr *client,
			      const union addr *server)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	connection->key = key_of(client, server);
	connection->client = *client;
	connection->server = *server;
	connection->to_server.end = connection->to_client.end = STREAM_MAX;
	HASH_ADD(hh, streams->connections, key, sizeof(connection->key), connection);
	if (!connection->hh.tbl) { /* no memory for the table */
		free(connection);
		return NULL;
	}
	return connection;
}

void streams_forget(struct streams *streams, struct connection *connection)
{
	HASH_DEL(streams->connections, connection);
	streams->n_bytes -= connection->to_server.size + connection->to_client.size;
	free(connection->to_server.bytes);
	free(connection->to_client.bytes);
	free(connection);
}

struct connection *streams_oldest(struct streams *streams)
{
	return streams->connections;
}

unsigned streams_count(const struct streams *streams)
{
	return HASH_COUNT(streams->connections);
}

/* --- one direction --- */

static uint32_t known(const struct direction *direction)
{
	return direction->n_pieces > 0 && direction->pieces[0].begin == 0 ? direction->pieces[0].end
									  : 0;
}

static bool is_complete(const struct direction *direction)
{
	return known(direction) == direction->end;
}

static int make_room(struct streams *streams, struct direction *direction, uint32_t size)
{
	uint32_t more = direction->size ? direction->size : BUFFER_LEAST;
	uint8_t *bytes;

	while (more < size)
		more *= 2;
	if (more == direction->size)
		return 0;
	bytes = realloc(direction->bytes, more);
	if (!bytes)
		return -ENOMEM;
	streams->n_bytes += more - direction->size;
	direction->bytes = bytes;
	direction->size = more;
	return 0;
}

/* Copies what of the new piece lies in none of those that are there. */
static void fill(struct direction *direction, struct piece new, const uint8_t *bytes)
{
	uint32_t at = new.begin;

	for (unsigned i = 0; i < direction->n_pieces && at < new.end; i++) {
		struct piece old = direction->pieces[i];
		uint32_t end = old.begin < new.end ? old.begin : new.end;

		if (at < end)
			memcpy(direction->bytes + at, bytes + (at - new.begin), end - at);
		if (at < old.end)
			at = old.end;
	}
	if (at < new.end)
		memcpy(direction->bytes + at, bytes + (at - new.begin), new.end - at);
}

/* Puts the new piece among the others, one with all that it touches. */
static void join(struct direction *direction, struct piece new)
{
	struct piece *pieces = direction->pieces;
	unsigned before = 0, behind;

	while (before < direction->n_pieces && pieces[before].end < new.begin)
		before++;
	behind = before;
	for (; behind < direction->n_pieces && pieces[behind].begin <= new.end; behind++) {
		if (pieces[behind].begin < new.begin)
			new.begin = pieces[behind].begin;
		if (pieces[behind].end > new.end)
			new.end = pieces[behind].end;
	}
	memmove(pieces + before + 1, pieces + behind,
		(direction->n_pieces - behind) * sizeof(*pieces));
	pieces[before] = new;
	direction->n_pieces += 1 + before - behind;
	if (direction->n_pieces > PIECES_MAX)
		direction->n_pieces = PIECES_MAX;
}

/* `offset` is that of the payload's first byte; below 0 when it repeats what was before the SYN. */
static int place(struct streams *streams, struct direction *direction, int32_t offset,
		 const uint8_t *payload, size_t n)
{
	struct piece new;
	uint32_t skipped = offset < 0 ? 0U - (uint32_t)offset : 0;
	int r;

	if (offset >= (int32_t)direction->end || skipped >= n)
		return 0;
	new.begin = offset < 0 ? 0 : (uint32_t)offset;
	new.end = n - skipped > direction->end - new.begin ? direction->end
							   : new.begin + (uint32_t)(n - skipped);
	r = make_room(streams, direction, new.end);
	if (r < 0)
		return r;
	fill(direction, new, payload + skipped);
	join(direction, new);
	return 0;
}

/* Nothing may come behind a FIN; what came there before is not believed more than the FIN. */
static void note_fin(struct direction *direction, int32_t offset)
{
	uint32_t last = direction->n_pieces ? direction->pieces[direction->n_pieces - 1].end : 0;

	if (direction->has_end || offset < 0 || (uint32_t)offset < last ||
	    (uint32_t)offset > direction->end)
		return;
	direction->end = (uint32_t)offset;
	direction->has_end = true;
}

static int take(struct streams *streams, struct direction *direction, const struct segment *segment)
{
	uint32_t sequence = segment->sequence + (segment->has_syn ? 1 : 0);
	int32_t offset = (int32_t)(sequence - direction->first);
	int r = place(streams, direction, offset, segment->payload, segment->n);

	if (r == 0 && segment->has_fin && segment->n < STREAM_MAX && offset < STREAM_MAX)
		note_fin(direction, offset + (int32_t)segment->n);
	return r;
}

/* --- segments --- */

static void set_first(struct direction *direction, uint32_t first)
{
	if (direction->has_first)
		return;
	direction->first = first;
	direction->has_first = true;
}

static bool is_other_syn(const struct direction *direction, uint32_t sequence)
{
	return direction->has_first && direction->first != sequence + 1;
}

/* The connection that begins with this segment, new or not yet. NULL: no memory. */
static struct connection *begin(struct streams *streams, const struct segment *segment)
{
	const union addr *client = segment->has_ack ? &segment->to : &segment->from;
	const union addr *server = segment->has_ack ? &segment->from : &segment->to;
	struct connection *connection = find(streams, client, server);

	if (!connection)
		connection = add(streams, client, server);
	if (!connection)
		return NULL;
	if (segment->has_ack) {
		set_first(&connection->to_client, segment->sequence + 1);
		set_first(&connection->to_server, segment->acknowledged);
	} else {
		set_first(&connection->to_server, segment->sequence + 1);
	}
	return connection;
}

/* The client's first acknowledgment stands for an answer to its SYN that was not seen. */
static bool is_from_client(const struct streams *streams, const struct segment *segment,
			   struct connection **ret_connection)
{
	struct connection *connection = find(streams, &segment->from, &segment->to);

	if (!connection)
		return false;
	if (segment->has_ack && !segment->has_rst)
		set_first(&connection->to_client, segment->acknowledged);
	*ret_connection = connection;
	return true;
}

struct connection *streams_displaced(struct streams *streams, const struct segment *segment)
{
	struct connection *connection;

	if (streams->n_bytes > streams->max_bytes)
		return streams->connections;
	if (!segment->has_syn || segment->has_rst)
		return NULL;
	connection = segment->has_ack ? find(streams, &segment->to, &segment->from)
				      : find(streams, &segment->from, &segment->to);
	if (!connection)
		return streams_count(streams) < streams->max_connections ? NULL
									 : streams->connections;
	return !segment->has_ack && is_other_syn(&connection->to_server, segment->sequence)
		       ? connection
		       : NULL;
}

int streams_take(struct streams *streams, const struct segment *segment,
		 struct connection **ret_connection)
{
	struct connection *connection = NULL;
	struct direction *direction;
	uint32_t before;
	int r;

	*ret_connection = NULL;
	if (segment->has_syn && !segment->has_rst) {
		connection = begin(streams, segment);
		if (!connection)
			return -ENOMEM;
	}
	if (is_from_client(streams, segment, &connection)) {
		direction = &connection->to_server;
	} else {
		connection = find(streams, &segment->to, &segment->from);
		if (!connection || !connection->to_client.has_first)
			return 0;
		direction = &connection->to_client;
	}
	before = known(direction);
	if (segment->has_rst)
		connection->is_reset = true;
	else if ((r = take(streams, direction, segment)) < 0)
		return r;
	if (known(direction) > before || connection_is_over(connection))
		*ret_connection = connection;
	return 0;
}

/* --- what is known --- */

const union addr *connection_client(const struct connection *connection)
{
	return &connection->client;
}

const union addr *connection_server(const struct connection *connection)
{
	return &connection->server;
}

static struct stream stream_of(const struct direction *direction)
{
	return (struct stream){ .bytes = direction->bytes, .n = known(direction) };
}

struct stream connection_to_server(const struct connection *connection)
{
	return stream_of(&connection->to_server);
}

struct stream connection_to_client(const struct connection *connection)
{
	return stream_of(&connection->to_client);
}

bool connection_is_over(const struct connection *connection)
{
	return connection->is_reset ||
	       (is_complete(&connection->to_server) && is_complete(&connection->to_client));
}

struct connection_needs *connection_needs(struct connection *connection)
{
	return &connection->needs;
}
