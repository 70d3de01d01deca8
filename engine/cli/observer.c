/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/observer.h"

#include <errno.h>

#include "net/packet.h"
#include "tap/streams.h"

enum {
	CONNECTIONS_MAX = 65536,
	BYTES_MAX = 256 << 20,
};

int observer_init(struct observer *observer, struct hosts *hosts, uint16_t port)
{
	*observer = (struct observer){ .hosts = hosts,
				       .port = port,
				       .streams = streams_new(CONNECTIONS_MAX, BYTES_MAX) };
	return observer->streams ? 0 : -ENOMEM;
}

void observer_deinit(struct observer *observer)
{
	streams_free(observer->streams);
	observer->streams = NULL;
}

static int count(struct observer *observer, const struct connection *connection,
		 const struct sighting *sighting)
{
	int r;

	if (!sighting->has_hello) {
		observer->unreadable += sighting->state == SIGHTING_UNREADABLE;
		return 0;
	}
	observer->connections++;
	r = hosts_add(observer->hosts, connection_server(connection), sighting);
	if (r != -ENOSPC)
		return r;
	observer->left_out++;
	return 0;
}

/* Reads what is known of a connection; when no more is to be had of it, counts and forgets it. */
static int look(struct observer *observer, struct connection *connection, bool is_last)
{
	struct stream to_server = connection_to_server(connection);
	struct stream to_client = connection_to_client(connection);
	struct connection_needs *needs = connection_needs(connection);
	struct sighting sighting;
	int r;

	is_last |= connection_is_over(connection);
	if (!is_last && to_server.n < needs->to_server && to_client.n < needs->to_client)
		return 0;
	r = sighting_read(to_server.bytes, to_server.n, to_client.bytes, to_client.n, &sighting);
	if (r < 0)
		return r;
	if (sighting.state == SIGHTING_MORE && !is_last) {
		*needs = (struct connection_needs){ .to_server = sighting.needs_to_server,
						    .to_client = sighting.needs_to_client };
	} else {
		r = count(observer, connection, &sighting);
		streams_forget(observer->streams, connection);
	}
	sighting_deinit(&sighting);
	return r;
}

int observer_packet(struct observer *observer, const uint8_t *bytes, size_t n)
{
	struct packet packet;
	struct segment segment;
	struct connection *connection;
	int r;

	observer->packets++;
	if (packet_parse(bytes, n, &packet) < 0 || packet.protocol != IPPROTO_TCP)
		return 0;
	if (observer->port != 0 && addr_port(&packet.server) != observer->port &&
	    addr_port(&packet.client) != observer->port)
		return 0;
	segment = (struct segment){ .from = packet.client,
				    .to = packet.server,
				    .sequence = packet.sequence,
				    .acknowledged = packet.acknowledged,
				    .has_syn = packet.tcp_flags & PACKET_SYN,
				    .has_ack = packet.tcp_flags & PACKET_ACK,
				    .has_fin = packet.tcp_flags & PACKET_FIN,
				    .has_rst = packet.tcp_flags & PACKET_RST,
				    .payload = packet.payload,
				    .n = packet.n_payload };
	while ((connection = streams_displaced(observer->streams, &segment))) {
		r = look(observer, connection, true);
		if (r < 0)
			return r;
	}
	r = streams_take(observer->streams, &segment, &connection);
	if (r == 0 && connection)
		r = look(observer, connection, false);
	return r;
}

int observer_finish(struct observer *observer)
{
	struct connection *connection;
	int r = 0;

	while (r == 0 && (connection = streams_oldest(observer->streams)))
		r = look(observer, connection, true);
	return r;
}
