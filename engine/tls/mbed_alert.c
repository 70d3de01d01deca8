/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A client that broke TLS is told so (RFC 8446 section 6.2, RFC 5246 section 7.2.2). The library
 * does that for a part of what it refuses, and in TLS 1.3 with a key that the client has laid
 * aside.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls/mbed_alert.h"

#include <string.h>

#include "tls/alert.h"
#include "tls/mbed.h"

/*
 * Under a key, a step that fails has written an alert or nothing, after what was left of the step
 * before it; in the clear the record says what it is.
 */
void mbed_alert_note(struct session *session, const uint8_t *bytes)
{
	struct mbed *mbed = session->mbed;

	if (mbed->ssl.transform_out ? !mbed->has_left : bytes[0] == MBEDTLS_SSL_MSG_ALERT)
		mbed->has_alerted = true;
	mbed->has_left = false;
}

/*
 * What a server of TLS 1.3 sends after its Finished is under the application's key (RFC 8446
 * section 4.4.4): nothing but alerts, before the library changes the key.
 */
static void change_key(struct session *session)
{
	mbedtls_ssl_context *ssl = &session->mbed->ssl;

	if (session->is_upstream || ssl->tls_version != MBEDTLS_SSL_VERSION_TLS1_3 ||
	    !ssl->transform_application || ssl->transform_out == ssl->transform_application)
		return;
	ssl->transform_out = ssl->transform_application;
	memset(ssl->cur_out_ctr, 0, sizeof(ssl->cur_out_ctr));
}

void mbed_alert_prepare(struct session *session)
{
	session->mbed->has_alerted = false;
	session->mbed->has_left = session->mbed->ssl.out_left > 0;
	change_key(session);
}

static enum alert alert_of(int error)
{
	switch (error) {
	case MBEDTLS_ERR_SSL_DECODE_ERROR:
		return ALERT_DECODE_ERROR;
	case MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE:
	case MBEDTLS_ERR_SSL_UNEXPECTED_RECORD:
	case MBEDTLS_ERR_SSL_INVALID_RECORD:
		return ALERT_UNEXPECTED_MESSAGE;
	case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE:
		return ALERT_HANDSHAKE_FAILURE;
	case MBEDTLS_ERR_SSL_ALLOC_FAILED:
	case MBEDTLS_ERR_SSL_INTERNAL_ERROR:
		return ALERT_INTERNAL_ERROR;
	default: /* a share that is no point of its curve, a number out of its range */
		return ALERT_ILLEGAL_PARAMETER;
	}
}

void mbed_alert_send(struct session *session, uint8_t alert)
{
	struct mbed *mbed = session->mbed;

	if (mbed->ssl.transform_out == NULL) { /* what it began to answer is not to be said */
		buffer_return(&session->thread->buffers, &mbed->out);
		alert_send(session->sock, alert);
		return;
	}
	(void)mbedtls_ssl_send_alert_message(&mbed->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, alert);
}

void mbed_alert_tell(struct session *session, int error)
{
	struct mbed *mbed = session->mbed;

	if (session->is_upstream || session->socket_error != 0 || mbed->has_alerted ||
	    error == MBEDTLS_ERR_SSL_CONN_EOF || error == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ||
	    error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
		return;
	mbed_alert_send(session, (uint8_t)alert_of(error));
}
