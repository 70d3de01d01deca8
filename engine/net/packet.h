/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_NET_PACKET_H
#define POSTERN_NET_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* The headers of one IP packet (RFC 791, RFC 8200, RFC 9293, RFC 768). No I/O: bytes in, facts out. */
struct packet {
	uint8_t protocol;       /* IPPROTO_TCP or IPPROTO_UDP */
	union addr client;      /* where it comes from, with port */
	union addr server;      /* where it goes to, with port */
	bool is_syn;            /* TCP: opens a connection (SYN, without ACK, RST or FIN) */
	const uint8_t *payload; /* UDP: borrowed from the bytes */
	size_t n_payload;
};

/*
 * Reads the packet at the start of `bytes`, which may be cut short behind the transport header.
 * 0; -EPROTONOSUPPORT when it is neither TCP nor UDP, or a fragment but the first; -EINVAL when it
 * breaks its grammar. IPv6 extension headers are stepped over.
 */
int packet_parse(const uint8_t *bytes, size_t n, struct packet *ret_packet);

#endif
