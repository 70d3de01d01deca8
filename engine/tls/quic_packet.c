/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/quic_packet.h"

#include <errno.h>
#include <string.h>

enum {
	FORM_LONG = 0x80,
	QUIC_BIT = 0x40,
	TYPE_SHIFT = 4,
	TYPE_MASK = 0x03,
	PROTECTED_BITS = 0x0f, /* of the first byte: the next two */
	RESERVED_BITS = 0x0c,
	NUMBER_LENGTH_BITS = 0x03, /* a byte less than there are */
	NUMBER_MAX = 4,            /* bytes */
};

#define NUMBER_END (UINT64_C(1) << 62)

uint64_t quic_packet_varint(struct reader *r)
{
	uint8_t first = reader_u8(r);
	uint64_t value = first & 0x3f;

	for (unsigned more = (1U << (first >> 6)) - 1; more > 0; more--)
		value = value << 8 | reader_u8(r);
	return value;
}

struct reader quic_packet_piece(struct reader *r)
{
	uint64_t n = quic_packet_varint(r);
	const uint8_t *at = reader_bytes(r, n <= reader_left(r) ? (size_t)n : SIZE_MAX);

	return (struct reader){ .at = at, .end = at ? at + n : at, .bad = r->bad };
}

/* In version 2 the types have moved by one: RFC 9369 section 3.2. */
static enum quic_packet_kind kind_of(uint8_t first, uint32_t version)
{
	static const enum quic_packet_kind kinds[] = { QUIC_PACKET_INITIAL, QUIC_PACKET_ZERO_RTT,
						       QUIC_PACKET_HANDSHAKE, QUIC_PACKET_RETRY };
	unsigned type = first >> TYPE_SHIFT & TYPE_MASK;

	return kinds[version == QUIC_V2 ? (type + 3) % 4 : type];
}

enum quic_packet_kind quic_packet_read(struct reader *datagram, struct quic_packet *ret_packet)
{
	struct reader *r = datagram;
	struct quic_packet packet = { .at = r->at };
	uint8_t first = reader_u8(r);
	struct reader token = { 0 }, source, protected;
	enum quic_packet_kind kind;

	if (!(first & FORM_LONG))
		return QUIC_PACKET_SHORT;
	packet.version = reader_uint(r, 4);
	if (!reader_ok(r))
		return QUIC_PACKET_MALFORMED;
	if (packet.version != QUIC_V1 && packet.version != QUIC_V2)
		return QUIC_PACKET_UNKNOWN_VERSION;
	kind = kind_of(first, packet.version);
	if (kind == QUIC_PACKET_RETRY)
		return kind;

	packet.cid = reader_vector(r, 1);
	source = reader_vector(r, 1);
	if (kind == QUIC_PACKET_INITIAL)
		token = quic_packet_piece(r);
	protected = quic_packet_piece(r);
	if (!reader_ok(r) || reader_left(&packet.cid) > QUIC_CID_MAX ||
	    reader_left(&source) > QUIC_CID_MAX)
		return QUIC_PACKET_MALFORMED;
	packet.has_token = reader_left(&token) > 0;
	/* RFC 9287 section 3.1: to clear it, a client must have a token of that server. */
	if (kind == QUIC_PACKET_INITIAL && !(first & QUIC_BIT) && !packet.has_token)
		return QUIC_PACKET_MALFORMED;
	packet.number_begin = (size_t)(protected.at - packet.at);
	packet.n = (size_t)(protected.end - packet.at);
	*ret_packet = packet;
	return kind;
}

/* The number nearest to the expected one that ends with these bits: RFC 9000 appendix A.3. */
static uint64_t number_decode(uint64_t expected, uint64_t truncated, unsigned n_bytes)
{
	uint64_t window = UINT64_C(1) << 8 * n_bytes;
	uint64_t number = (expected & ~(window - 1)) | truncated;

	if (number + window / 2 <= expected && number < NUMBER_END - window)
		return number + window;
	if (number > expected + window / 2 && number >= window)
		return number - window;
	return number;
}

int quic_packet_open(const struct quic_packet *packet, const struct quic_keys *keys,
		     uint64_t expected, uint8_t *opened, struct reader *ret_payload,
		     uint64_t *ret_number)
{
	size_t sample = packet->number_begin + NUMBER_MAX;
	size_t n_header = packet->number_begin;
	uint8_t mask[QUIC_MASK];
	uint64_t number = 0;
	unsigned n_number;
	int error;

	if (packet->n < sample + QUIC_SAMPLE)
		return -EBADMSG; /* RFC 9001 section 5.4.2 */
	memcpy(opened, packet->at, packet->n);
	if (quic_keys_mask(keys, opened + sample, mask) != 0)
		return -EIO;
	opened[0] ^= mask[0] & PROTECTED_BITS;
	n_number = (opened[0] & NUMBER_LENGTH_BITS) + 1U;
	for (unsigned i = 0; i < n_number; i++) {
		opened[n_header] ^= mask[1 + i];
		number = number << 8 | opened[n_header++];
	}

	number = number_decode(expected, number, n_number);
	error = quic_keys_open(keys, number, opened, n_header, opened + n_header,
			       packet->n - n_header);
	if (error < 0)
		return error;
	if (opened[0] & RESERVED_BITS)
		return -EPROTO;
	*ret_payload = reader_of(opened + n_header, packet->n - n_header - QUIC_TAG);
	*ret_number = number;
	return 0;
}
