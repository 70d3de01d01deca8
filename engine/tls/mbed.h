/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_MBED_H
#define POSTERN_TLS_MBED_H

/* What upstream.c and downstream.c share: the only place that looks into mbedTLS. Private. */

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>

#include "tls/certreq.h"
#include "tls/channel.h"
#include "tls/hello.h"
#include "tls/protect.h"
#include "tls/resumption_mbed.h"
#include "tls/session.h"
#include "tls/tickets.h"

struct tls_thread {
	mbedtls_entropy_context entropy;
	mbedtls_ctr_drbg_context drbg;
	struct buffer_pool buffers;
	const struct tls_listener *listener; /* NULL: nobody hears of secrets */
};

struct leaf {
	mbedtls_x509_crt chain;
	mbedtls_pk_context *key; /* one of the engine's leaf keys; borrowed */
	uint8_t digest[32];      /* SHA-256 of the leaf itself */
};

enum {
	MBED_ALPN_MAX = 16,
	MBED_SUITES_MAX = 128,
	MBED_MESSAGE_MAX = MBEDTLS_SSL_IN_CONTENT_LEN, /* a handshake message cannot be larger */
};

/*
 * The library's part of a session. The lists, to which its configuration only points, stand here,
 * one set per session, because each client offers something else and everything is mirrored.
 */
struct mbed {
	mbedtls_ssl_context ssl;
	mbedtls_ssl_config conf;
	int suites[MBED_SUITES_MAX + 1];
	uint16_t groups[HELLO_LIST_MAX + 1];
	uint16_t signature_algorithms[HELLO_LIST_MAX + 1];
	const char *alpn[MBED_ALPN_MAX + 1];
	char alpn_text[HELLO_ALPN_MAX];
	uint8_t *prefix; /* bytes to be received before those of the socket; owned */
	size_t prefix_length, prefix_taken;
	bool has_tls13;             /* in what was offered */
	struct tickets_use tickets; /* downstream, as is the leaf, which is borrowed */
	const struct leaf *leaf;
	/* The client's, the server's; as the handshake made them. */
	struct protect_secrets secrets[2];
	bool is_reading;    /* the library is, on behalf of mbed_read() */
	bool is_at_end;     /* the peer's FIN was seen */
	bool is_closed;     /* the peer's close_notify was seen */
	bool is_notified;   /* ours was sent, or is buffered */
	bool has_alerted;   /* the library has, in this call */
	bool has_left;      /* of the call before, to be written first */
	bool marks_random;  /* as a server of TLS 1.3 that speaks 1.2 */
	uint64_t received;  /* bytes, in all */
	struct buffer *out; /* written in the handshake, to be sent; NULL: nothing */
};

struct session {
	struct sock *sock;
	struct tls_thread *thread;
	struct mbed *mbed;       /* from the beginning; NULL once the channel is there */
	struct channel *channel; /* after the handshake, where the suite allows */
	bool is_upstream;
	bool is_settled;                      /* it was tried */
	bool has_certificate;                 /* the server sent one, in this handshake */
	bool is_resumed;                      /* the handshake is over, and it did not */
	bool is_request_seen, is_flight_read; /* a CertificateRequest; all behind it, for a proof */
	bool hears_late;                      /* a request inside the session is to be reported */
	bool has_post_handshake_auth; /* the client's hello; only then may it come in TLS 1.3 */
	bool is_request_late;         /* it has come */
	struct certreq request;       /* what it said */
	uint16_t version, suite;      /* once there is no mbed */
	uint16_t group;               /* seen in the handshake */
	char *alpn;                   /* once there is no mbed; owned; NULL: none */
	session_keep *keep;           /* NULL: nobody resumes */
	void *keeper;
	struct resumption_secret resumption; /* with `keep`, in TLS 1.3, once settled */
	uint8_t alert;
	int socket_error; /* errno of the last failed call on the socket */
	char error[128];
};

struct session *mbed_session_new(struct sock *sock, struct tls_thread *thread, int endpoint);

/* After the lists in session->conf are final. 0 or -ENOMEM. */
int mbed_session_start(struct session *session);

/* What one handshake step led to. */
enum mbed_step {
	MBED_STEP_ON, /* go on */
	MBED_STEP_WAIT,
	MBED_STEP_OVER,    /* the handshake is complete */
	MBED_STEP_REQUEST, /* a CertificateRequest is in session->request; stepping on is allowed */
	/* The server's first flight was read and holds, signature included; none of our second. */
	MBED_STEP_FLIGHT,
	MBED_STEP_TOO_LARGE,   /* a message beyond MBED_MESSAGE_MAX */
	MBED_STEP_CERTIFICATE, /* a certificate that cannot be handled */
	MBED_STEP_VERSION,     /* the peer speaks another version */
	MBED_STEP_CLOSED,
	MBED_STEP_RESET,
	MBED_STEP_ALERT,
	MBED_STEP_ERROR,
};

enum mbed_step mbed_step(struct session *session);

/* The peer's chain, also while the handshake goes on; NULL: it has not come yet. */
const mbedtls_x509_crt *mbed_peer_chain(const struct session *session);

/* Once the ServerHello has come, also while the handshake goes on; 0: not yet. */
int mbed_suite(const struct session *session);

/* A failure of the library, or of the socket, as text. */
void mbed_note_error(struct session *session, int error);

void mbed_free(struct mbed *mbed);

/* --- after the handshake --- */
/* Whether the channel can take over, and from where. */
bool mbed_is_at_rest(const struct session *session);
struct protect_secrets mbed_secrets(const struct session *session, bool is_clients);
/* As those of session.h. */
enum session_io mbed_read(struct session *session, uint8_t *bytes, size_t n, size_t *ret_n);
enum session_io mbed_hear(struct session *session);
enum session_io mbed_write(struct session *session, const uint8_t *bytes, size_t n, size_t *ret_n);
enum session_io mbed_close_notify(struct session *session);
enum session_io mbed_flush(struct session *session);
void mbed_refuse(struct session *session, uint8_t alert);

/* The message in hand, without its header; NULL: it is of another type. */
const uint8_t *mbed_message_body(const struct session *session, uint8_t type, size_t *ret_n);

enum {
	/* Both of the library's buffers begin with an 8-byte counter and a 5-byte record header. */
	MBED_FIRST_MESSAGE = 13,
};

#endif
