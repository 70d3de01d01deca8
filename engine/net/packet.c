/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/packet.h"

#include <errno.h>
#include <string.h>

#include "base/reader.h"

enum {
	FRAGMENT_OFFSET_V4 = 0x1fff,
	FRAGMENT_OFFSET_V6 = 0xfff8,
	EXTENSIONS_MAX = 16,
	TCP_HEADER = 20,
};

static void set_address(union addr *addr, int family, const uint8_t *bytes)
{
	memset(addr, 0, sizeof(*addr));
	addr->sa.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		memcpy(&addr->v4.sin_addr, bytes, sizeof(addr->v4.sin_addr));
	else
		memcpy(&addr->v6.sin6_addr, bytes, sizeof(addr->v6.sin6_addr));
}

/*
 * What follows the n bytes of the packet is the link's padding. A packet that the machine itself
 * sends may say 0: its length is filled in by the network card.
 */
static void cut_padding(struct reader *r, const uint8_t *packet, size_t n)
{
	if (n > 0 && n < (size_t)(r->end - packet))
		r->end = packet + n > r->at ? packet + n : r->at;
}

/* Both readers leave the cursor at the transport header. */
static int read_ipv4(struct reader *r, struct packet *packet)
{
	const uint8_t *start = r->at;
	unsigned words = reader_u8(r) & 0x0f;
	uint16_t total, fragment;
	const uint8_t *addresses;

	(void)reader_u8(r); /* type of service */
	total = reader_u16(r);
	(void)reader_u16(r); /* identification */
	fragment = reader_u16(r);
	(void)reader_u8(r); /* time to live */
	packet->protocol = reader_u8(r);
	(void)reader_u16(r); /* checksum */
	addresses = reader_bytes(r, 8);
	if (words < 5 || !addresses || !reader_bytes(r, (words - 5) * 4UL))
		return -EINVAL;
	if (fragment & FRAGMENT_OFFSET_V4)
		return -EPROTONOSUPPORT;
	cut_padding(r, start, total);
	set_address(&packet->client, AF_INET, addresses);
	set_address(&packet->server, AF_INET, addresses + 4);
	return 0;
}

/* One extension header behind the fixed one; false: `kind` is not one. */
static bool skip_extension(struct reader *r, uint8_t *kind, uint16_t *fragment)
{
	uint8_t next;

	switch (*kind) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		next = reader_u8(r);
		(void)reader_bytes(r, reader_u8(r) * 8UL + 6);
		break;
	case IPPROTO_FRAGMENT:
		next = reader_u8(r);
		(void)reader_u8(r);
		*fragment = reader_u16(r) & FRAGMENT_OFFSET_V6;
		(void)reader_bytes(r, 4);
		break;
	default:
		return false;
	}
	*kind = next;
	return true;
}

static int read_ipv6(struct reader *r, struct packet *packet)
{
	const uint8_t *addresses;
	uint16_t length, fragment = 0;
	unsigned n = 0;

	(void)reader_bytes(r, 4); /* version, class, flow label */
	length = reader_u16(r);
	packet->protocol = reader_u8(r);
	(void)reader_u8(r); /* hop limit */
	addresses = reader_bytes(r, 32);
	cut_padding(r, r->at, length);
	while (n < EXTENSIONS_MAX && reader_ok(r) && fragment == 0 &&
	       skip_extension(r, &packet->protocol, &fragment))
		n++;
	if (!addresses || !reader_ok(r) || n == EXTENSIONS_MAX)
		return -EINVAL;
	if (fragment)
		return -EPROTONOSUPPORT;
	set_address(&packet->client, AF_INET6, addresses);
	set_address(&packet->server, AF_INET6, addresses + 16);
	return 0;
}

/* The payload behind the options; none of it when the packet was cut within them. */
static void read_tcp(struct reader *r, struct packet *packet)
{
	const uint8_t *start = r->at - 4; /* the ports were read */
	size_t header;

	packet->sequence = reader_uint(r, 4);
	packet->acknowledged = reader_uint(r, 4);
	header = (reader_u8(r) >> 4) * 4UL;
	packet->tcp_flags = reader_u8(r);
	packet->is_syn = (packet->tcp_flags &
			  (PACKET_SYN | PACKET_ACK | PACKET_RST | PACKET_FIN)) == PACKET_SYN;
	if (reader_ok(r) && header >= TCP_HEADER && header <= (size_t)(r->end - start)) {
		packet->payload = start + header;
		packet->n_payload = (size_t)(r->end - packet->payload);
	}
}

static int read_transport(struct reader *r, struct packet *packet)
{
	uint16_t client = reader_u16(r), server = reader_u16(r);

	addr_set_port(&packet->client, client);
	addr_set_port(&packet->server, server);
	if (packet->protocol == IPPROTO_TCP) {
		read_tcp(r, packet);
	} else if (packet->protocol == IPPROTO_UDP) {
		(void)reader_bytes(r, 4); /* length, checksum */
		packet->n_payload = reader_left(r);
		packet->payload = reader_bytes(r, packet->n_payload);
	} else {
		return -EPROTONOSUPPORT;
	}
	return reader_ok(r) ? 0 : -EINVAL;
}

int packet_parse(const uint8_t *bytes, size_t n, struct packet *ret_packet)
{
	struct reader r = reader_of(bytes, n);
	struct packet packet = { 0 };
	int e = -EINVAL;

	if (n > 0 && bytes[0] >> 4 == 4)
		e = read_ipv4(&r, &packet);
	else if (n > 0 && bytes[0] >> 4 == 6)
		e = read_ipv6(&r, &packet);
	if (e == 0)
		e = read_transport(&r, &packet);
	if (e == 0)
		*ret_packet = packet;
	return e;
}
