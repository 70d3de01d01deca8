/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_DOWNSTREAM_H
#define POSTERN_TLS_DOWNSTREAM_H

#include "tls/hello.h"
#include "tls/leaf.h"
#include "tls/limits.h"
#include "tls/session.h"
#include "tls/tickets.h"

/*
 * Our handshake with the client, in the server's place: with the version and the protocol that
 * the server chose, its suite (TLS 1.3) or none that is stronger (TLS 1.2), and a forged leaf. It
 * may be a resumed one, whether or not that with the server was.
 */

enum downstream_result {
	DOWNSTREAM_WAIT,
	DOWNSTREAM_READY, /* and session_flush() sends our last words */
	DOWNSTREAM_ALERT, /* the client refused: session_alert() */
	DOWNSTREAM_CLOSED,
	DOWNSTREAM_RESET,
	DOWNSTREAM_TLS_ERROR,
};

enum {
	DOWNSTREAM_HELLO_MAX = 16384, /* mbedTLS reads no larger handshake message */
};

struct downstream_offer {
	const struct hello *hello; /* the client's; borrowed during the call */
	const uint8_t *message; /* the same as a handshake message, see hello_message(); copied */
	size_t message_length;  /* at most DOWNSTREAM_HELLO_MAX */
	struct tls_limits limits;
	const struct session_facts *upstream; /* borrowed during the call */
	const struct leaf *leaf;              /* borrowed as long as the session lives */
	/* The client may resume, and come back to it: borrowed as long. NULL: it may not. */
	struct tickets *tickets;
	uint64_t generation; /* of the policy: tickets of another one are worth nothing */
};

/* 0 or -ENOMEM. The hello's bytes were already taken off the socket. */
int downstream_new(struct sock *sock, struct tls_thread *thread,
		   const struct downstream_offer *offer, struct session **ret_session);

enum downstream_result downstream_handshake(struct session *session);

#endif
