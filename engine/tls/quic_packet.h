/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_QUIC_PACKET_H
#define POSTERN_TLS_QUIC_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reader.h"
#include "tls/quic_keys.h"

/*
 * One packet of a datagram that a client sent: its header (RFC 9000 section 17, RFC 9369 section
 * 3.2) and, of Initial packets, its payload. No I/O.
 */

enum {
	QUIC_DATAGRAM_MAX = 65535,
	QUIC_CID_MAX = 20, /* of versions 1 and 2 */
};

enum quic_packet_kind {
	QUIC_PACKET_INITIAL,
	QUIC_PACKET_ZERO_RTT,
	QUIC_PACKET_HANDSHAKE,
	QUIC_PACKET_RETRY,           /* a server's; has no end of its own */
	QUIC_PACKET_SHORT,           /* or not QUIC at all; has no end of its own */
	QUIC_PACKET_UNKNOWN_VERSION, /* or Version Negotiation; has no end of its own */
	QUIC_PACKET_MALFORMED,
};

/* The bytes are the datagram's. */
struct quic_packet {
	uint32_t version;
	struct reader cid;   /* Destination Connection ID */
	bool has_token;      /* an Initial's; not empty */
	const uint8_t *at;   /* the first byte of the packet */
	size_t number_begin; /* where the packet number begins, which is protected */
	size_t n;            /* all of the packet */
};

/*
 * Reads the header of the packet that `datagram` begins with. After INITIAL, ZERO_RTT and HANDSHAKE
 * *ret_packet is set and the cursor stands behind the packet, else both are of no use.
 */
enum quic_packet_kind quic_packet_read(struct reader *datagram, struct quic_packet *ret_packet);

/*
 * Removes both protections of an Initial packet. `expected` is the packet number that follows the
 * largest one seen, 0 at first. The payload is written into `opened`, which holds packet->n bytes
 * or more. 0; -EBADMSG: it is not authentic; -EPROTO: it is, and breaks section 17.2; -EIO.
 */
int quic_packet_open(const struct quic_packet *packet, const struct quic_keys *keys,
		     uint64_t expected, uint8_t *opened, struct reader *ret_payload,
		     uint64_t *ret_number);

/* A variable-length integer (RFC 9000 section 16). */
uint64_t quic_packet_varint(struct reader *r);
/* Such an integer, and as many bytes as it says. */
struct reader quic_packet_piece(struct reader *r);

#endif
