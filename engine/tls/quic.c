/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How it works
 *
 * A client begins with Initial packets, whose keys everyone on the path can make: from the first
 * Destination Connection ID, which the client made up. Later the ID is one that the server chose,
 * and the keys stay; but after a Retry the server's ID makes new keys, and the client shows the
 * token that came with it. So a packet is tried with the flow's first keys and, if it has a token,
 * with those of its own ID. (quic_packet.c opens packets, quic_keys.c makes keys.)
 *
 * The payload is frames. Those of type CRYPTO carry pieces of the hello, in any order, over packets
 * in any order; clients shuffle and repeat them on purpose. Each piece is put where it belongs, and
 * a byte that is known already must be the same again. So whoever puts the hello together, from
 * whichever of these packets, has the same hello or none, after a Retry too, which changes no byte
 * of it (RFC 9000 section 17.2.5.2). It is whole when as many bytes are known as its header says.
 *
 * A server ignores packets that do not authenticate, and goes on. Here they end the matter, as
 * everything does that an honest client does not do: it has TCP to fall back on.
 */
#include "tls/quic.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "tls/quic_keys.h"
#include "tls/quic_packet.h"

enum {
	MESSAGE_HEADER = 4,
	MESSAGE_CLIENT_HELLO = 1,
	CID_MIN = 8,      /* of the ID that a client makes up: RFC 9000 section 7.2 */
	SIZE_STEP = 2048, /* of the buffer: most hellos fit the first */
};

/* The frames that a client's Initial packet may have: RFC 9000 sections 12.4 and 17.2.2. */
enum {
	FRAME_PADDING = 0x00,
	FRAME_PING = 0x01,
	FRAME_ACK = 0x02,
	FRAME_ACK_ECN = 0x03,
	FRAME_CRYPTO = 0x06,
	FRAME_CONNECTION_CLOSE = 0x1c,
};

struct quic_hello {
	enum quic_result result; /* of the datagrams so far */
	unsigned n_datagrams;    /* with Initial packets */
	uint32_t version;        /* of the first one; 0: there was none */
	struct quic_keys keys;   /* of its connection ID */
	uint64_t expected;       /* the packet number after the largest one */

	uint8_t *message;
	bool *is_known; /* each byte of it */
	size_t size;    /* of both */
	size_t end;     /* of what is known; gaps before it */
	size_t n_known;

	struct hello hello;
};

struct quic_hello *quic_hello_new(void)
{
	struct quic_hello *quic = calloc(1, sizeof(*quic));

	if (quic)
		quic->result = QUIC_MORE;
	return quic;
}

void quic_hello_free(struct quic_hello *quic)
{
	if (!quic)
		return;
	free(quic->message);
	free(quic->is_known);
	free(quic);
}

const struct hello *quic_hello_get(const struct quic_hello *quic)
{
	return &quic->hello;
}

/* --- the message ---------------------------------------------------------------------------- */

static bool message_reserve(struct quic_hello *quic, size_t end)
{
	size_t size = (end + SIZE_STEP - 1) / SIZE_STEP * SIZE_STEP;
	void *grown;

	if (size <= quic->size)
		return true;
	grown = realloc(quic->message, size);
	if (!grown)
		return false;
	quic->message = grown;
	grown = realloc(quic->is_known, size * sizeof(quic->is_known[0]));
	if (!grown)
		return false;
	quic->is_known = grown;
	memset(quic->is_known + quic->size, 0, (size - quic->size) * sizeof(quic->is_known[0]));
	quic->size = size;
	return true;
}

/* False: it contradicts what is known, or there is no room for it. */
static bool message_put(struct quic_hello *quic, uint64_t offset, struct reader piece)
{
	size_t n = reader_left(&piece), at = (size_t)offset;

	if (offset > QUIC_HELLO_MAX || n > QUIC_HELLO_MAX - at || !message_reserve(quic, at + n))
		return false;
	for (; reader_left(&piece) > 0; at++) {
		uint8_t byte = reader_u8(&piece);

		if (quic->is_known[at] && quic->message[at] != byte)
			return false;
		quic->n_known += !quic->is_known[at];
		quic->is_known[at] = true;
		quic->message[at] = byte;
	}
	if (at > quic->end)
		quic->end = at;
	return true;
}

/*
 * What is known so far. Nothing may follow the hello: the client's next message, if the server asks
 * for another hello, can only come after this one was read.
 */
static enum quic_result message_judge(struct quic_hello *quic)
{
	size_t total = MESSAGE_HEADER;

	if (quic->end > 0 && quic->is_known[0] && quic->message[0] != MESSAGE_CLIENT_HELLO)
		return QUIC_INVALID;
	for (unsigned i = 0; i < MESSAGE_HEADER; i++)
		if (i >= quic->end || !quic->is_known[i])
			return QUIC_MORE;
	total += (size_t)quic->message[1] << 16 | (size_t)quic->message[2] << 8 | quic->message[3];
	if (total > QUIC_HELLO_MAX || quic->end > total)
		return QUIC_INVALID;
	if (quic->n_known < total)
		return QUIC_MORE;
	return hello_parse_message(quic->message, total, &quic->hello) ? QUIC_HELLO_WHOLE
								       : QUIC_INVALID;
}

/* --- packets -------------------------------------------------------------------------------- */

/* RFC 9000 section 19.3. */
static void ack_skip(struct reader *r, bool has_ecn)
{
	uint64_t n_ranges;

	quic_packet_varint(r); /* largest acknowledged */
	quic_packet_varint(r); /* delay */
	n_ranges = quic_packet_varint(r);
	quic_packet_varint(r); /* first range */
	for (; n_ranges > 0 && reader_ok(r); n_ranges--) {
		quic_packet_varint(r); /* gap */
		quic_packet_varint(r); /* range */
	}
	for (unsigned counts = has_ecn ? 3 : 0; counts > 0; counts--)
		quic_packet_varint(r);
}

/* Reads one frame; false: it may not be there, or breaks its grammar. */
static bool frame_read(struct quic_hello *quic, struct reader *r)
{
	uint8_t type = reader_u8(r);
	uint64_t offset;
	struct reader piece;

	switch (type) {
	case FRAME_PADDING:
	case FRAME_PING:
		break;
	case FRAME_ACK:
	case FRAME_ACK_ECN:
		ack_skip(r, type == FRAME_ACK_ECN);
		break;
	case FRAME_CRYPTO:
		offset = quic_packet_varint(r);
		piece = quic_packet_piece(r);
		return reader_ok(r) && message_put(quic, offset, piece);
	case FRAME_CONNECTION_CLOSE:
		quic_packet_varint(r); /* error code */
		quic_packet_varint(r); /* type of the frame at fault */
		quic_packet_piece(r);  /* reason */
		break;
	default:
		return false;
	}
	return reader_ok(r);
}

/* RFC 9000 section 12.4: there must be a frame. */
static bool payload_read(struct quic_hello *quic, struct reader payload)
{
	if (reader_left(&payload) == 0)
		return false;
	while (reader_left(&payload) > 0)
		if (!frame_read(quic, &payload))
			return false;
	return true;
}

/* The flow's first Initial packet gives it version and keys. */
static bool flow_begin(struct quic_hello *quic, const struct quic_packet *packet)
{
	size_t n_cid = reader_left(&packet->cid);

	/* With a token it may be the answer to a Retry, and the ID is the server's. */
	if ((n_cid < CID_MIN && !packet->has_token) ||
	    quic_keys_derive(packet->version, packet->cid.at, n_cid, &quic->keys) != 0)
		return false;
	quic->version = packet->version;
	return true;
}

static bool initial_read(struct quic_hello *quic, const struct quic_packet *packet)
{
	uint8_t opened[QUIC_DATAGRAM_MAX];
	struct reader payload;
	struct quic_keys own;
	uint64_t number;

	if (quic->version == 0 && !flow_begin(quic, packet))
		return false;
	if (packet->version != quic->version)
		return false;
	if (quic_packet_open(packet, &quic->keys, quic->expected, opened, &payload, &number) != 0) {
		if (!packet->has_token ||
		    quic_keys_derive(packet->version, packet->cid.at, reader_left(&packet->cid),
				     &own) != 0 ||
		    quic_packet_open(packet, &own, quic->expected, opened, &payload, &number) != 0)
			return false;
	}
	if (number >= quic->expected)
		quic->expected = number + 1;
	return payload_read(quic, payload);
}

/* --- datagrams ------------------------------------------------------------------------------ */

/* All packets of a datagram are of one connection: RFC 9000 section 12.2. */
static bool is_alike(const struct quic_packet *a, const struct quic_packet *b)
{
	size_t n = reader_left(&a->cid);

	return a->version == b->version && reader_left(&b->cid) == n &&
	       (n == 0 || memcmp(a->cid.at, b->cid.at, n) == 0);
}

/* What follows the last packet that tells its length is left alone, as servers do. */
static enum quic_result datagram_read(struct quic_hello *quic, struct reader r)
{
	bool is_large = reader_left(&r) >= QUIC_DATAGRAM_MIN;
	struct quic_packet first = { 0 }, packet;
	unsigned n_initial = 0;

	for (bool is_first = true; reader_left(&r) > 0; is_first = false) {
		enum quic_packet_kind kind = quic_packet_read(&r, &packet);

		switch (kind) {
		case QUIC_PACKET_INITIAL:
		case QUIC_PACKET_ZERO_RTT:
		case QUIC_PACKET_HANDSHAKE:
			if (is_first)
				first = packet;
			if (!is_alike(&first, &packet))
				return QUIC_INVALID;
			break;
		case QUIC_PACKET_SHORT:
			return n_initial > 0 ? message_judge(quic) : QUIC_NOT_INITIAL;
		case QUIC_PACKET_RETRY:
			return is_first ? QUIC_NOT_INITIAL : QUIC_INVALID;
		case QUIC_PACKET_UNKNOWN_VERSION:
			return is_first ? QUIC_UNKNOWN_VERSION : QUIC_INVALID;
		case QUIC_PACKET_MALFORMED:
			return QUIC_INVALID;
		}
		if (kind != QUIC_PACKET_INITIAL)
			continue;
		if (n_initial++ == 0 && ++quic->n_datagrams > QUIC_DATAGRAMS_MAX)
			return QUIC_INVALID;
		if (!is_large || !initial_read(quic, &packet))
			return QUIC_INVALID;
	}
	return n_initial > 0 ? message_judge(quic) : QUIC_NOT_INITIAL;
}

enum quic_result quic_hello_feed(struct quic_hello *quic, const uint8_t *datagram, size_t n)
{
	enum quic_result result;

	if (quic->result != QUIC_MORE)
		return quic->result;
	result =
		n <= QUIC_DATAGRAM_MAX ? datagram_read(quic, reader_of(datagram, n)) : QUIC_INVALID;
	if (result == QUIC_HELLO_WHOLE || result == QUIC_INVALID)
		quic->result = result;
	return result;
}
