/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Segments as the input says, six bytes for each and its payload: what is known of a beginning
 * only grows and never changes, and no limit is passed.
 */
#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "tap/streams.h"

enum {
	CONNECTIONS = 3,
	ENDS = 4,
	SYN = 1,
	ACK = 2,
	FIN = 4,
	RST = 8,
	FROM_SERVER = 16,
};

/* What was seen last of the one connection that is followed. */
static struct {
	const struct connection *connection;
	uint8_t to_server[STREAM_MAX], to_client[STREAM_MAX];
	size_t n_to_server, n_to_client;
} followed;

static void follow(struct stream stream, uint8_t *copy, size_t *n)
{
	assert(stream.n <= STREAM_MAX && stream.n >= *n);
	if (*n > 0)
		assert(memcmp(copy, stream.bytes, *n) == 0);
	if (stream.n > 0)
		memcpy(copy, stream.bytes, stream.n);
	*n = stream.n;
}

static void look(const struct connection *connection)
{
	if (followed.connection != connection)
		return;
	follow(connection_to_server(connection), followed.to_server, &followed.n_to_server);
	follow(connection_to_client(connection), followed.to_client, &followed.n_to_client);
}

static void forget(struct streams *streams, struct connection *connection)
{
	look(connection);
	if (followed.connection == connection)
		followed.connection = NULL;
	streams_forget(streams, connection);
}

static struct segment segment_read(struct reader *r)
{
	uint8_t flags = reader_u8(r), end = reader_u8(r) % ENDS;
	struct segment segment = {
		.sequence = (uint32_t)reader_u16(r) - 300,
		.has_syn = flags & SYN,
		.has_ack = flags & ACK,
		.has_fin = flags & FIN,
		.has_rst = flags & RST,
	};
	union addr client, server;
	size_t n = reader_u16(r);

	segment.acknowledged = flags & FROM_SERVER ? 100U - 300 : 200U - 300;
	assert(addr_parse(end < 2 ? "10.0.1.2" : "fd00::2", (uint16_t)(1000 + end), &client));
	assert(addr_parse(end < 2 ? "10.0.2.2" : "fd01::2", 443, &server));
	segment.from = flags & FROM_SERVER ? server : client;
	segment.to = flags & FROM_SERVER ? client : server;
	segment.n = n < reader_left(r) ? n : reader_left(r);
	segment.payload = reader_bytes(r, segment.n);
	return segment;
}

static void give(struct streams *streams, const struct segment *segment)
{
	struct connection *connection;

	while ((connection = streams_displaced(streams, segment)))
		forget(streams, connection);
	assert(streams_take(streams, segment, &connection) == 0);
	assert(streams_count(streams) <= CONNECTIONS);
	if (!followed.connection && streams_oldest(streams)) {
		followed.connection = streams_oldest(streams);
		followed.n_to_server = followed.n_to_client = 0;
	}
	if (followed.connection)
		look(followed.connection);
	if (connection && connection_is_over(connection) && segment->has_fin)
		forget(streams, connection);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct streams *streams = streams_new(CONNECTIONS, 3 * STREAM_MAX);
	struct reader r = reader_of(bytes, n);

	assert(streams);
	followed.connection = NULL;
	while (reader_left(&r) > 0) {
		struct segment segment = segment_read(&r);
		uint8_t *payload = malloc(segment.n ? segment.n : 1);

		assert(payload);
		if (segment.n > 0)
			memcpy(payload, segment.payload, segment.n);
		segment.payload = payload;
		give(streams, &segment);
		free(payload);
	}
	streams_free(streams);
	return 0;
}
