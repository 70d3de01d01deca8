/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The session by the library itself: for the suites whose records are not ours (CBC). */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <errno.h>
#include <mbedtls/error.h>
#include <string.h>

#include "tls/mbed.h"
#include "tls/mbed_alert.h"

/* RFC 8446 section 4.6.2; in hand, or its first piece when it cannot fit. */
static bool is_late_request(const struct session *session, int error)
{
	const mbedtls_ssl_context *ssl = &session->mbed->ssl;
	size_t n;

	if (!session->hears_late || !session->has_post_handshake_auth || error == 0 ||
	    ssl->tls_version != MBEDTLS_SSL_VERSION_TLS1_3)
		return false;
	if (ssl->in_hslen > MBED_MESSAGE_MAX)
		return ssl->in_buf[MBED_FIRST_MESSAGE] == MBEDTLS_SSL_HS_CERTIFICATE_REQUEST;
	return error == MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE &&
	       mbed_message_body(session, MBEDTLS_SSL_HS_CERTIFICATE_REQUEST, &n);
}

static void note_late_request(struct session *session)
{
	size_t n;
	const uint8_t *body = mbed_message_body(session, MBEDTLS_SSL_HS_CERTIFICATE_REQUEST, &n);

	session->is_request_seen = session->is_request_late = true;
	certreq_deinit(&session->request);
	session->request = (struct certreq){ 0 };
	/* Without memory it is a request that names nobody. */
	if (body && session->mbed->ssl.in_hslen <= MBED_MESSAGE_MAX)
		(void)certreq_parse(body, n, MBEDTLS_SSL_VERSION_TLS1_3, &session->request);
}

static enum session_io io_failed(struct session *session, int error)
{
	if (is_late_request(session, error))
		note_late_request(session);
	if (session->is_request_late)
		return SESSION_WANTS_CERTIFICATE;
	switch (error) {
	case MBEDTLS_ERR_SSL_WANT_READ:
	case MBEDTLS_ERR_SSL_WANT_WRITE:
		return SESSION_WAIT;
	case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
		session->mbed->is_closed = true;
		return SESSION_CLOSED;
	case 0:
	case MBEDTLS_ERR_SSL_CONN_EOF:
		return SESSION_TRUNCATED;
	case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
		session->alert = session->mbed->ssl.in_msg[1];
		return SESSION_ALERT;
	default:
		mbed_note_error(session, error);
		return session->socket_error ? SESSION_RESET : SESSION_ERROR;
	}
}

/* After close_notify nothing counts but the FIN (RFC 8446 section 6.1). */
static enum session_io await_fin(struct session *session)
{
	uint8_t ignored[512];
	ssize_t r;

	do {
		r = sock_recv(session->sock, ignored, sizeof(ignored));
	} while (r > 0);
	if (r == 0)
		return SESSION_TRUNCATED;
	return r == -EAGAIN ? SESSION_WAIT : SESSION_RESET;
}

enum session_io mbed_read(struct session *session, uint8_t *bytes, size_t n, size_t *ret_n)
{
	int r;

	if (session->mbed->is_at_end)
		return SESSION_TRUNCATED;
	if (session->mbed->is_closed)
		return await_fin(session);
	session->mbed->is_reading = true;
	mbed_alert_prepare(session);
	do {
		r = mbedtls_ssl_read(&session->mbed->ssl, bytes, n);
	} while (r == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET);
	session->mbed->is_reading = false;
	if (r <= 0) {
		enum session_io io = io_failed(session, r);

		if (io == SESSION_ERROR)
			mbed_alert_tell(session, r);
		return io;
	}
	*ret_n = (size_t)r;
	return SESSION_OK;
}

enum session_io mbed_hear(struct session *session)
{
	uint64_t received = session->mbed->received;
	int r;

	session->mbed->is_reading = true;
	r = mbedtls_ssl_read(&session->mbed->ssl, NULL, 0);
	session->mbed->is_reading = false;
	if (mbedtls_ssl_get_bytes_avail(&session->mbed->ssl) > 0 ||
	    r == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
		return SESSION_OK;
	/* A whole record that the library had no use for: a ticket. */
	if (r == MBEDTLS_ERR_SSL_WANT_READ && session->mbed->received != received &&
	    session->mbed->ssl.in_left == 0)
		return SESSION_OK;
	return io_failed(session, r);
}

enum session_io mbed_write(struct session *session, const uint8_t *bytes, size_t n, size_t *ret_n)
{
	int r = mbedtls_ssl_write(&session->mbed->ssl, bytes, n);
	if (r < 0)
		return io_failed(session, r);
	*ret_n = (size_t)r;
	return SESSION_OK;
}

enum session_io mbed_close_notify(struct session *session)
{
	for (;;) {
		/* With output pending the library only flushes, and says nothing of closing. */
		bool is_pending = session->mbed->ssl.out_left != 0;
		int r;

		if (session->mbed->is_notified && !is_pending)
			return SESSION_OK;
		r = mbedtls_ssl_close_notify(&session->mbed->ssl);
		if (!is_pending)
			session->mbed->is_notified = true;
		if (r < 0)
			return io_failed(session, r);
	}
}
