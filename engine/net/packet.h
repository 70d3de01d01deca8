/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_NET_PACKET_H
#define POSTERN_NET_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* Of tcp_flags (RFC 9293 section 3.1). */
enum {
	PACKET_FIN = 0x01,
	PACKET_SYN = 0x02,
	PACKET_RST = 0x04,
	PACKET_ACK = 0x10,
};

/* The headers of one IP packet (RFC 791, 8200, 9293, 768). No I/O: bytes in, facts out. */
struct packet {
	uint8_t protocol;       /* IPPROTO_TCP or IPPROTO_UDP */
	union addr client;      /* where it comes from, with port */
	union addr server;      /* where it goes to, with port */
	bool is_syn;            /* TCP: opens a connection (SYN, without ACK, RST or FIN) */
	uint32_t sequence;      /* TCP */
	uint32_t acknowledged;  /* TCP, with PACKET_ACK */
	uint8_t tcp_flags;      /* 0 for UDP */
	const uint8_t *payload; /* what there is of it, borrowed from the bytes */
	size_t n_payload;       /* without the link's padding */
};

/*
 * Reads the packet at the start of `bytes`, which may be cut short behind the transport header
 * (of TCP, behind its flags: then it has no payload).
 * 0; -EPROTONOSUPPORT when it is neither TCP nor UDP, or a fragment but the first; -EINVAL when it
 * breaks its grammar. IPv6 extension headers are stepped over.
 */
int packet_parse(const uint8_t *bytes, size_t n, struct packet *ret_packet);

#endif
