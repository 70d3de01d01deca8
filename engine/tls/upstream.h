/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_UPSTREAM_H
#define POSTERN_TLS_UPSTREAM_H

#include "tls/certificate.h"
#include "tls/certreq.h"
#include "tls/hello.h"
#include "tls/limits.h"
#include "tls/resumption.h"
#include "tls/session.h"

/*
 * Our handshake with the server. It offers what the client offered and this engine speaks: never
 * more, never something weaker. It is at once the probe, which tells whether the server asks for a
 * client certificate, and the connection that is used when it does not.
 */

enum upstream_result {
	UPSTREAM_WAIT,
	UPSTREAM_READY, /* and session_flush() sends our Finished, if that comes last */
	/*
	 * Nothing but our hello was sent. Then upstream_prove() reads on, and to call
	 * upstream_handshake() again is to answer with an empty certificate.
	 */
	UPSTREAM_WANTS_CERTIFICATE,
	UPSTREAM_PROVEN,        /* of upstream_prove() alone */
	UPSTREAM_LEGACY_TLS,    /* the server speaks neither TLS 1.2 nor 1.3 */
	UPSTREAM_REFUSED_OFFER, /* it answered with an alert: session_alert() */
	UPSTREAM_MESSAGE_TOO_LARGE,
	UPSTREAM_CERTIFICATE_UNSUPPORTED,
	UPSTREAM_TLS_ERROR, /* session_error() */
	UPSTREAM_CLOSED,
	UPSTREAM_RESET,
};

/* Whether it offers a version, a suite, a group and a signature that may be. */
bool upstream_is_possible(const struct hello *hello, const struct tls_limits *limits);

/* 0 or -ENOMEM. The socket is connected; it and `thread` are borrowed. */
int upstream_new(struct sock *sock, struct tls_thread *thread, const struct hello *hello,
		 const struct tls_limits *limits, struct session **ret_session);

/*
 * Before the handshake: whoever is to read the session wants to hear of a request inside it, by
 * SESSION_WANTS_CERTIFICATE. TLS 1.3 servers are offered to ask (post_handshake_auth) if the client
 * offers it; a TLS 1.2 server's HelloRequest is reported and not answered. It gives no reason, and
 * may also be about keys. Without this call the former are not offered it, and the latter are told
 * no_renegotiation.
 */
void upstream_hear_late(struct session *session);

/*
 * Before the handshake: of the client's protocols, HTTP/1.1 alone is offered. False: that is none
 * of them.
 */
bool upstream_offer_http1(struct session *session);

/*
 * Before the handshake: what the server gives to resume by goes to `keep`, which takes it over:
 * once when the session is first used, or while it is read. `keeper` is borrowed for its life.
 */
void upstream_keep(struct session *session, session_keep *keep, void *keeper);

/*
 * Before the handshake, after upstream_keep(): offers to resume, and only in that version. Whether
 * the server did, session_facts() says, after the handshake; then it sent no chain, and could not
 * ask for a certificate (RFC 8446 section 4.3.2). False: it is not offered.
 */
bool upstream_resume(struct session *session, const struct resumption *resumption);

enum upstream_result upstream_handshake(struct session *session);

/*
 * After UPSTREAM_WANTS_CERTIFICATE: reads the rest of the server's first flight, and still sends
 * nothing. UPSTREAM_PROVEN: the server holds the key of the certificate in upstream_chain(); asked
 * again, that is all there is to say.
 */
enum upstream_result upstream_prove(struct session *session);

/*
 * What the server asked, in the handshake or late; NULL when it did not ask. Borrowed. A
 * HelloRequest says nothing.
 */
const struct certreq *upstream_request(const struct session *session);
/* It asked inside the session. */
bool upstream_is_late(const struct session *session);

/*
 * The server's chain as it sent it, leaf first; borrowed, until the session is used, when
 * there is none any more. The number of certificates put out.
 */
unsigned upstream_chain(const struct session *session, struct der *ret_chain, unsigned n);

#endif
