/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_QUIC_H
#define POSTERN_TLS_QUIC_H

#include <stddef.h>
#include <stdint.h>

#include "tls/hello.h"

/*
 * The ClientHello of a QUIC connection (RFC 9000, 9001, 9369), put together from the first
 * datagrams that its client sends: versions 1 and 2, packets in any order. No I/O.
 *
 * A struct quic_hello is for one UDP flow (addresses and ports of both ends), from the first
 * datagram on. It takes a few kilobytes, and twice as many as the hello has. What the verdict on
 * the hello lets go is the flow: nothing here binds what the client sends in it later.
 */

enum {
	/*
	 * Bytes of the hello. Before it hears from the server, a client sends 14,720 bytes or so
	 * (RFC 9002 section 7.2); and a flow of one datagram must not cost much more than that.
	 */
	QUIC_HELLO_MAX = 16384,
	QUIC_DATAGRAMS_MAX = 64,  /* with Initial packets, before the hello is whole */
	QUIC_DATAGRAM_MIN = 1200, /* bytes, of one with an Initial packet: RFC 9000 section 14.1 */
};

enum quic_result {
	QUIC_HELLO_WHOLE,     /* quic_hello_get() has it */
	QUIC_MORE,            /* Initial packets, all sound; the hello goes on in others */
	QUIC_NOT_INITIAL,     /* no Initial packet in it: 0-RTT, Handshake, short header, no QUIC */
	QUIC_UNKNOWN_VERSION, /* a long header of neither version */
	/*
	 * Something that a server would refuse, or that two servers might read differently: a
	 * packet that does not authenticate or breaks the RFC, two contents for the same part of
	 * the hello, a hello that breaks its grammar, too much of anything. Or there was no memory.
	 */
	QUIC_INVALID,
};

struct quic_hello;

/* NULL: no memory. */
struct quic_hello *quic_hello_new(void);
void quic_hello_free(struct quic_hello *quic);

/*
 * Takes in the payload of the flow's next datagram. WHOLE and INVALID are final: whatever follows
 * gives the same answer. NOT_INITIAL and UNKNOWN_VERSION leave everything as it was: among the
 * datagrams of an unfinished hello they mean nothing (0-RTT comes early), alone they are not a
 * connection's beginning.
 */
enum quic_result quic_hello_feed(struct quic_hello *quic, const uint8_t *datagram, size_t n);

/* After WHOLE; owned by `quic`. Its wire_length is that of the handshake message. */
const struct hello *quic_hello_get(const struct quic_hello *quic);

#endif
