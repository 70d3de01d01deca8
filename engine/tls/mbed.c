/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How mbedTLS is driven.
 *
 * The handshake is stepped, never run: between two steps the library's state and the message in
 * hand can be looked at. That is how the CertificateRequest is seen: when the step out of state
 * CERTIFICATE_REQUEST leaves a message of type 13 in hand, the server has asked, and nothing but
 * our ClientHello has been sent. (If it did not ask, the message in hand is the next one, and
 * stepping on costs nothing.) The same look gives the group of the key exchange, which no public
 * function tells.
 *
 * The socket is asked through sock.h, so that what would block lowers the socket's flag and the
 * loop raises it. `prefix` lets the downstream side receive a ClientHello that was peeked and
 * re-framed before it receives from the socket.
 *
 * A server may also ask inside the session. In TLS 1.2 it sends a HelloRequest, to which the
 * library answers with no_renegotiation: that is the only thing it ever writes while it reads a
 * sound record, so transmit() is where the request is seen, authenticated and not answered yet. In
 * TLS 1.3 it sends a CertificateRequest, which the library takes for an unexpected message.
 *
 * Private members used, of mbedtls_ssl_context: state, tls_version, in_msg, in_msgtype, in_hslen,
 * in_buf, in_hdr, in_left, in_offt, in_ctr, out_buf, out_msg, out_left, cur_out_ctr, p_bio,
 * session_negotiate, transform_out, transform_application; of mbedtls_ssl_session: peer_cert,
 * ciphersuite.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls/mbed.h"
#include "tls/mbed_alert.h"

#include <errno.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/x509.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/mbed_keys.h"
#include "tls/serverhello.h"

enum {
	HANDSHAKE_HEADER = 4,
	RECORD_HEADER = 5,
	ALERT_RECORD = RECORD_HEADER + 2,
};

int tls_init(void)
{
	(void)mbedtls_ssl_list_ciphersuites(); /* its first call fills a table, without a lock */
	return psa_crypto_init() == PSA_SUCCESS ? 0 : -EIO;
}

void tls_deinit(void)
{
	mbedtls_psa_crypto_free();
}

struct tls_thread *tls_thread_new(void)
{
	struct tls_thread *thread = calloc(1, sizeof(*thread));

	if (!thread)
		return NULL;
	mbedtls_entropy_init(&thread->entropy);
	mbedtls_ctr_drbg_init(&thread->drbg);
	if (mbedtls_ctr_drbg_seed(&thread->drbg, mbedtls_entropy_func, &thread->entropy, NULL, 0)) {
		tls_thread_free(thread);
		return NULL;
	}
	return thread;
}

void tls_thread_free(struct tls_thread *thread)
{
	if (!thread)
		return;
	mbedtls_ctr_drbg_free(&thread->drbg);
	mbedtls_entropy_free(&thread->entropy);
	buffer_pool_deinit(&thread->buffers);
	free(thread);
}

/* --- the socket, as the library sees it --- */

/* The library's own function says so, too, while a ticket of TLS 1.3 has yet to be sent. */
static bool is_over(const struct session *session)
{
	return session->mbed->ssl.state == MBEDTLS_SSL_HANDSHAKE_OVER;
}

static int send_some(struct session *session, const uint8_t *bytes, size_t n)
{
	ssize_t r = sock_send(session->sock, bytes, n);

	if (r == -EAGAIN)
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	if (r < 0) {
		session->socket_error = (int)-r;
		return MBEDTLS_ERR_NET_SEND_FAILED;
	}
	return (int)r;
}

/* What the library wrote in the handshake goes out in one piece, when it would read or is done. */
static int flush(struct session *session)
{
	struct buffer *out = session->mbed->out;

	while (out && out->begin < out->end) {
		int r = send_some(session, out->bytes + out->begin, out->end - out->begin);

		if (r < 0)
			return r;
		out->begin += (size_t)r;
	}
	buffer_return(&session->thread->buffers, &session->mbed->out);
	return 0;
}

enum session_io mbed_flush(struct session *session)
{
	int r = flush(session);

	if (r == 0)
		return SESSION_OK;
	mbed_note_error(session, r);
	return r == MBEDTLS_ERR_SSL_WANT_WRITE ? SESSION_WAIT : SESSION_RESET;
}

static int receive(void *context, unsigned char *bytes, size_t n)
{
	struct session *session = context;
	size_t left = session->mbed->prefix_length - session->mbed->prefix_taken;
	int flushed = flush(session);
	ssize_t r;

	if (flushed != 0)
		return flushed == MBEDTLS_ERR_SSL_WANT_WRITE ? MBEDTLS_ERR_SSL_WANT_READ : flushed;

	if (left > 0) {
		n = n < left ? n : left;
		memcpy(bytes, session->mbed->prefix + session->mbed->prefix_taken, n);
		session->mbed->prefix_taken += n;
		return (int)n;
	}
	r = sock_recv(session->sock, bytes, n);
	if (r == -EAGAIN)
		return MBEDTLS_ERR_SSL_WANT_READ;
	if (r < 0) {
		session->socket_error = (int)-r;
		return MBEDTLS_ERR_NET_RECV_FAILED;
	}
	session->mbed->is_at_end = r == 0;
	session->mbed->received += (size_t)r;
	return (int)r;
}

/* The message in hand, without its header; NULL: it is of another type. */
const uint8_t *mbed_message_body(const struct session *session, uint8_t type, size_t *ret_n)
{
	const mbedtls_ssl_context *ssl = &session->mbed->ssl;

	if (ssl->in_msgtype != MBEDTLS_SSL_MSG_HANDSHAKE || !ssl->in_msg ||
	    ssl->in_msg[0] != type || ssl->in_hslen < HANDSHAKE_HEADER)
		return NULL;
	*ret_n = ssl->in_hslen - HANDSHAKE_HEADER;
	return ssl->in_msg + HANDSHAKE_HEADER;
}

/* What is about to be sent is the library's answer to a HelloRequest. */
static bool answers_hello_request(const struct session *session)
{
	size_t n;

	return session->mbed->is_reading && session->hears_late &&
	       session->mbed->ssl.tls_version == MBEDTLS_SSL_VERSION_TLS1_2 &&
	       mbed_message_body(session, MBEDTLS_SSL_HS_HELLO_REQUEST, &n) && n == 0;
}

static int transmit(void *context, const unsigned char *bytes, size_t n)
{
	struct session *session = context;
	struct buffer *out = session->mbed->out;

	if (answers_hello_request(session)) {
		session->is_request_seen = session->is_request_late = true;
		return MBEDTLS_ERR_NET_SEND_FAILED;
	}
	mbed_alert_note(session, bytes);
	if (is_over(session) && !out)
		return send_some(session, bytes, n);
	if (!out)
		out = session->mbed->out = buffer_borrow(&session->thread->buffers);
	if (!out || sizeof(out->bytes) - out->end < n) {
		int r = flush(session);

		return r != 0 ? r : send_some(session, bytes, n);
	}
	memcpy(out->bytes + out->end, bytes, n);
	out->end += n;
	return (int)n;
}

void mbed_free(struct mbed *mbed)
{
	if (!mbed)
		return;
	mbedtls_ssl_free(&mbed->ssl);
	mbedtls_ssl_config_free(&mbed->conf);
	mbedtls_platform_zeroize(mbed->secrets, sizeof(mbed->secrets));
	free(mbed->prefix);
	free(mbed);
}

static int mbed_new(struct tls_thread *thread, int endpoint, struct mbed **ret_mbed)
{
	struct mbed *mbed = calloc(1, sizeof(*mbed));

	if (!mbed)
		return -ENOMEM;
	mbedtls_ssl_init(&mbed->ssl);
	mbedtls_ssl_config_init(&mbed->conf);
	if (mbedtls_ssl_config_defaults(&mbed->conf, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
					MBEDTLS_SSL_PRESET_DEFAULT)) {
		mbed_free(mbed);
		return -ENOMEM;
	}
	/*
	 * The chain is judged by verify.c, in full and with a reason; the library checks, whatever
	 * this says, that the server holds the certificate's key.
	 */
	mbedtls_ssl_conf_authmode(&mbed->conf, MBEDTLS_SSL_VERIFY_NONE);
	mbedtls_ssl_conf_rng(&mbed->conf, mbedtls_ctr_drbg_random, &thread->drbg);
	*ret_mbed = mbed;
	return 0;
}

struct session *mbed_session_new(struct sock *sock, struct tls_thread *thread, int endpoint)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->sock = sock;
	session->thread = thread;
	session->is_upstream = endpoint == MBEDTLS_SSL_IS_CLIENT;
	if (mbed_new(thread, endpoint, &session->mbed) < 0) {
		session_free(session);
		return NULL;
	}
	return session;
}

int mbed_session_start(struct session *session)
{
	struct mbed *mbed = session->mbed;

	if (mbedtls_ssl_setup(&mbed->ssl, &mbed->conf))
		return -ENOMEM;
	mbedtls_ssl_set_bio(&mbed->ssl, session, transmit, receive, NULL);
	mbedtls_ssl_set_export_keys_cb(&mbed->ssl, mbed_take_secret, session);
	return 0;
}

/* --- the handshake --- */

/*
 * The linker puts this in front of the library's function (--wrap, see CMakeLists.txt).
 *
 * The library can verify RSASSA-PSS in a TLS 1.2 ServerKeyExchange, and where TLS 1.3 is offered as
 * well it has offered it; RFC 8446 section 4.2.3 lets a server of TLS 1.2 choose it, and those that
 * go by their own preference do. But a check in front of the verification knows only the algorithms
 * of RFC 5246 when the version is 1.2. So for this one message, of whose reading nothing else looks
 * at the version, it says 1.3; what was not offered is refused as ever.
 */
int __real_mbedtls_ssl_handshake_client_step(mbedtls_ssl_context *ssl);
int __wrap_mbedtls_ssl_handshake_client_step(mbedtls_ssl_context *ssl);

int __wrap_mbedtls_ssl_handshake_client_step(mbedtls_ssl_context *ssl)
{
	bool is_key_exchange = ssl->state == MBEDTLS_SSL_SERVER_KEY_EXCHANGE;
	int r;

	if (is_key_exchange)
		ssl->tls_version = MBEDTLS_SSL_VERSION_TLS1_3;
	r = __real_mbedtls_ssl_handshake_client_step(ssl);
	if (is_key_exchange)
		ssl->tls_version = MBEDTLS_SSL_VERSION_TLS1_2;
	return r;
}

/*
 * As mbed_message_body(), for what this side, as a server, has just written. In TLS 1.3 the
 * ServerHello is the first of several messages that leave together, and out_msg already points
 * behind it.
 */
static const uint8_t *written_body(const struct session *session, uint8_t type, size_t *ret_n)
{
	const mbedtls_ssl_context *ssl = &session->mbed->ssl;
	const uint8_t *message = type == MBEDTLS_SSL_HS_SERVER_HELLO
					 ? ssl->out_buf + MBED_FIRST_MESSAGE
					 : ssl->out_msg;

	if (message[0] != type)
		return NULL;
	*ret_n = (size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3];
	if (*ret_n > MBEDTLS_SSL_OUT_CONTENT_LEN - HANDSHAKE_HEADER)
		return NULL;
	return message + HANDSHAKE_HEADER;
}

/*
 * The linker puts this, too, in front of the library's function, which knows no
 * post_handshake_auth (RFC 8446 section 4.2.6). What it writes is followed by other extensions, so
 * one more may stand at its end.
 */
int __real_mbedtls_ssl_tls13_write_client_hello_exts(mbedtls_ssl_context *ssl, unsigned char *at,
						     unsigned char *end, size_t *ret_n);
int __wrap_mbedtls_ssl_tls13_write_client_hello_exts(mbedtls_ssl_context *ssl, unsigned char *at,
						     unsigned char *end, size_t *ret_n);

int __wrap_mbedtls_ssl_tls13_write_client_hello_exts(mbedtls_ssl_context *ssl, unsigned char *at,
						     unsigned char *end, size_t *ret_n)
{
	static const uint8_t post_handshake_auth[] = { 0, 49, 0, 0 };
	const struct session *session = ssl->p_bio;
	int r = __real_mbedtls_ssl_tls13_write_client_hello_exts(ssl, at, end, ret_n);

	if (r != 0 || !session->hears_late || !session->has_post_handshake_auth)
		return r;
	if ((size_t)(end - at) - *ret_n < sizeof(post_handshake_auth))
		return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
	memcpy(at + *ret_n, post_handshake_auth, sizeof(post_handshake_auth));
	*ret_n += sizeof(post_handshake_auth);
	return 0;
}

/*
 * And this. The library refuses to parse a certificate with a critical extension that it does not
 * know, such as name constraints. Here that is verify.c's business, which knows more of them and
 * refuses the rest; the library judges no chain.
 */
int __wrap_mbedtls_x509_crt_parse_der(mbedtls_x509_crt *chain, const unsigned char *der, size_t n);

static int leave_to_verify(void *context, const mbedtls_x509_crt *certificate,
			   const mbedtls_x509_buf *oid, int is_critical, const unsigned char *value,
			   const unsigned char *end)
{
	(void)context;
	(void)certificate;
	(void)oid;
	(void)is_critical;
	(void)value;
	(void)end;
	return 0;
}

int __wrap_mbedtls_x509_crt_parse_der(mbedtls_x509_crt *chain, const unsigned char *der, size_t n)
{
	return mbedtls_x509_crt_parse_der_with_ext_cb(chain, der, n, 1, leave_to_verify, NULL);
}

static void note_group(struct session *session, int state)
{
	bool is_server =
		mbedtls_ssl_conf_get_endpoint(&session->mbed->conf) == MBEDTLS_SSL_IS_SERVER;
	const uint8_t *(*body_of)(const struct session *, uint8_t, size_t *) =
		is_server ? written_body : mbed_message_body;
	const uint8_t *body;
	uint16_t group = 0;
	size_t n;

	if (state == MBEDTLS_SSL_SERVER_HELLO) {
		body = body_of(session, MBEDTLS_SSL_HS_SERVER_HELLO, &n);
		group = body ? serverhello_group(body, n) : 0;
	} else if (state == MBEDTLS_SSL_SERVER_KEY_EXCHANGE) {
		body = body_of(session, MBEDTLS_SSL_HS_SERVER_KEY_EXCHANGE, &n);
		group = body ? serverkeyexchange_group(body, n) : 0;
	}
	if (group != 0)
		session->group = group;
}

static enum mbed_step note_request(struct session *session)
{
	size_t n;
	const uint8_t *body = mbed_message_body(session, MBEDTLS_SSL_HS_CERTIFICATE_REQUEST, &n);

	if (!body)
		return MBED_STEP_ON;
	session->is_request_seen = true;
	if (certreq_parse(body, n, session_facts(session).version, &session->request) < 0)
		return MBED_STEP_ERROR;
	return MBED_STEP_REQUEST;
}

/* The library gave up on a message that cannot fit; what was it? */
static enum mbed_step too_large(struct session *session, int state)
{
	const mbedtls_ssl_context *ssl = &session->mbed->ssl;

	if (session->is_request_seen || state != MBEDTLS_SSL_CERTIFICATE_REQUEST ||
	    ssl->in_buf[MBED_FIRST_MESSAGE] != MBEDTLS_SSL_HS_CERTIFICATE_REQUEST)
		return MBED_STEP_TOO_LARGE;
	session->is_request_seen = true;
	return MBED_STEP_REQUEST;
}

/* X.509 and public-key errors; the library adds a low-level code to a high-level one. */
static bool is_certificate_error(int error)
{
	int high = -error & 0xff80;

	return (high >= -MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE &&
		high <= -MBEDTLS_ERR_X509_FATAL_ERROR) ||
	       (high >= -MBEDTLS_ERR_PK_BUFFER_TOO_SMALL && high <= -MBEDTLS_ERR_PK_ALLOC_FAILED) ||
	       error == MBEDTLS_ERR_SSL_BAD_CERTIFICATE ||
	       error == MBEDTLS_ERR_SSL_PK_TYPE_MISMATCH;
}

void mbed_note_error(struct session *session, int error)
{
	if (session->socket_error != 0)
		snprintf(session->error, sizeof(session->error), "%s",
			 strerror(session->socket_error));
	else
		mbedtls_strerror(error, session->error, sizeof(session->error));
}

/*
 * OpenSSL's TLS 1.3 client refuses our certificate before its keys change: with an alert in the
 * clear, which the library takes for a record that does not decrypt.
 */
static bool is_plain_alert(const uint8_t record[ALERT_RECORD])
{
	return record[0] == MBEDTLS_SSL_MSG_ALERT && record[3] == 0 && record[4] == 2 &&
	       record[RECORD_HEADER] == MBEDTLS_SSL_ALERT_LEVEL_FATAL;
}

/*
 * The same client may be gone before our flight is written: then a write fails, and the alert is
 * still waiting to be read.
 */
static bool take_parting_alert(struct session *session)
{
	uint8_t record[ALERT_RECORD];

	session->sock->readable = true;
	if (sock_recv(session->sock, record, sizeof(record)) != (ssize_t)sizeof(record) ||
	    !is_plain_alert(record))
		return false;
	session->alert = record[ALERT_RECORD - 1];
	return true;
}

static enum mbed_step step_failed(struct session *session, int state, int error)
{
	mbedtls_ssl_context *ssl = &session->mbed->ssl;

	(void)flush(session); /* its alert, if it had something to say */
	mbed_note_error(session, error);
	if (error != MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE && is_plain_alert(ssl->in_hdr)) {
		session->alert = ssl->in_hdr[ALERT_RECORD - 1];
		return MBED_STEP_ALERT;
	}
	if (session->socket_error != 0)
		return take_parting_alert(session) ? MBED_STEP_ALERT : MBED_STEP_RESET;
	if (error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
		session->alert = ssl->in_msg[1];
		return MBED_STEP_ALERT;
	}
	if (error == MBEDTLS_ERR_SSL_CONN_EOF || error == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		return MBED_STEP_CLOSED;
	if (error == MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION)
		return MBED_STEP_VERSION;
	if (ssl->in_hslen > MBED_MESSAGE_MAX)
		return too_large(session, state);
	return is_certificate_error(error) ? MBED_STEP_CERTIFICATE : MBED_STEP_ERROR;
}

/* The step out of this state was the last of the server's first flight. */
static bool ends_flight(const struct session *session, int state)
{
	if (session->mbed->conf.endpoint != MBEDTLS_SSL_IS_CLIENT)
		return false;
	return session->mbed->ssl.tls_version == MBEDTLS_SSL_VERSION_TLS1_3
		       ? state == MBEDTLS_SSL_SERVER_FINISHED
		       : state == MBEDTLS_SSL_SERVER_HELLO_DONE;
}

enum mbed_step mbed_step(struct session *session)
{
	int state = session->mbed->ssl.state;
	int r;

	if (is_over(session)) {
		/* A channel has it go out with what is written first: a segment less. */
		r = protect_is_possible((uint16_t)mbed_suite(session)) ? 0 : flush(session);
		if (r == MBEDTLS_ERR_SSL_WANT_WRITE)
			return MBED_STEP_WAIT;
		if (r != 0)
			return step_failed(session, state, r);
		session->is_resumed = !session->has_certificate;
		return MBED_STEP_OVER;
	}
	mbed_alert_prepare(session);
	r = mbedtls_ssl_handshake_step(&session->mbed->ssl);
	if (r == MBEDTLS_ERR_SSL_WANT_READ || r == MBEDTLS_ERR_SSL_WANT_WRITE)
		return MBED_STEP_WAIT;
	if (r != 0 && r != MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
		mbed_alert_tell(session, r);
		return step_failed(session, state, r);
	}
	note_group(session, state);
	if (state == MBEDTLS_SSL_SERVER_CERTIFICATE)
		session->has_certificate = true;
	if (state == MBEDTLS_SSL_CERTIFICATE_REQUEST && !session->is_request_seen)
		return note_request(session);
	return ends_flight(session, state) ? MBED_STEP_FLIGHT : MBED_STEP_ON;
}

void mbed_refuse(struct session *session, uint8_t alert)
{
	mbed_alert_prepare(session);
	mbed_alert_send(session, alert);
	(void)flush(session);
}

/* The library hands it out by a public function only after the handshake. */
const mbedtls_x509_crt *mbed_peer_chain(const struct session *session)
{
	const mbedtls_ssl_session *negotiated = session->mbed->ssl.session_negotiate;

	return negotiated ? negotiated->peer_cert : mbedtls_ssl_get_peer_cert(&session->mbed->ssl);
}

int mbed_suite(const struct session *session)
{
	const mbedtls_ssl_session *negotiated = session->mbed->ssl.session_negotiate;

	return negotiated ? negotiated->ciphersuite
			  : mbedtls_ssl_get_ciphersuite_id_from_ssl(&session->mbed->ssl);
}

/* --- what it leaves behind --- */

static uint64_t counter(const uint8_t bytes[8])
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* The library has nothing under way: no message in pieces, nothing read ahead or half written. */
bool mbed_is_at_rest(const struct session *session)
{
	const mbedtls_ssl_context *ssl = &session->mbed->ssl;

	return is_over(session) && ssl->in_left == 0 && ssl->out_left == 0 &&
	       ssl->in_offt == NULL && !session->mbed->is_closed && !session->mbed->is_at_end &&
	       !session->mbed->is_notified &&
	       session->mbed->prefix_taken == session->mbed->prefix_length;
}

struct protect_secrets mbed_secrets(const struct session *session, bool is_clients)
{
	const mbedtls_ssl_context *ssl = &session->mbed->ssl;
	struct protect_secrets secrets = session->mbed->secrets[is_clients ? 0 : 1];
	bool is_ours = is_clients == session->is_upstream;

	secrets.version = (uint16_t)ssl->tls_version;
	secrets.suite = (uint16_t)mbedtls_ssl_get_ciphersuite_id_from_ssl(ssl);
	secrets.sequence = counter(is_ours ? ssl->cur_out_ctr : ssl->in_ctr);
	return secrets;
}
