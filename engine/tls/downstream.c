/* SPDX-License-Identifier: GPL-3.0-or-later */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls/downstream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls/binding.h"
#include "tls/mbed.h"
#include "tls/suites.h"

enum {
	RECORD_HEADER = 5,
	EARLY_DATA_MAX = 1 << 20, /* of 0-RTT bytes that are skipped */
};

/*
 * Called when the hello is read, and nothing is answered yet.
 *
 * A client that resumes a session of the real server may send 0-RTT data under a key that is not
 * ours. RFC 8446 section 4.2.10 lets a server skip it; mbedTLS does so only up to the limit of the
 * session, which for a ticket it does not know is zero. This is the one place to raise it.
 *
 * And only now may the library know that we would speak TLS 1.3: it could not read every hello
 * otherwise.
 */
static int hello_is_read(mbedtls_ssl_context *ssl)
{
	struct session *session = ssl->p_bio;

	ssl->session_negotiate->max_early_data_size = EARLY_DATA_MAX;
	if (session->mbed->marks_random)
		mbedtls_ssl_conf_max_tls_version(&session->mbed->conf, MBEDTLS_SSL_VERSION_TLS1_3);
	return 0;
}

/* The hello as one record, whatever records it came in. */
static int prefix_hello(struct session *session, const struct downstream_offer *offer)
{
	size_t n = offer->message_length;
	uint8_t *bytes = malloc(RECORD_HEADER + n);

	if (!bytes)
		return -ENOMEM;
	bytes[0] = MBEDTLS_SSL_MSG_HANDSHAKE;
	bytes[1] = 3;
	bytes[2] = 1;
	bytes[3] = (uint8_t)(n >> 8);
	bytes[4] = (uint8_t)n;
	memcpy(bytes + RECORD_HEADER, offer->message, n);
	session->mbed->prefix = bytes;
	session->mbed->prefix_length = RECORD_HEADER + n;
	return 0;
}

/* TLS 1.3: the very suite of the server. TLS 1.2, where a suite also names the leaf's key: any. */
static void offer_suites(struct session *session, const struct downstream_offer *offer)
{
	uint16_t suites[SUITES_MAX];
	unsigned n = 1;

	if (offer->upstream->version == MBEDTLS_SSL_VERSION_TLS1_3)
		suites[0] = offer->upstream->suite;
	else
		n = suites_for_client(offer->hello, &offer->limits, offer->upstream->suite, suites);
	for (unsigned i = 0; i < n; i++)
		session->mbed->suites[i] = suites[i];
	session->mbed->suites[n] = 0;
	mbedtls_ssl_conf_ciphersuites(&session->mbed->conf, session->mbed->suites);
}

static void copy_codes(const struct codepoints *codes, uint16_t *ret_codes)
{
	memcpy(ret_codes, codes->at, codes->n * sizeof(ret_codes[0]));
	ret_codes[codes->n] = 0;
}

static void offer_groups_and_signatures(struct session *session, const struct tls_limits *limits)
{
	struct mbed *mbed = session->mbed;

	copy_codes(limits->groups, mbed->groups);
	mbedtls_ssl_conf_groups(&mbed->conf, mbed->groups);
	copy_codes(limits->signature_algorithms, mbed->signature_algorithms);
	mbedtls_ssl_conf_sig_algs(&mbed->conf, mbed->signature_algorithms);
}

/* --- what a ticket is bound to --- */

enum { EXT_MAX_FRAGMENT_LENGTH = 1, EXT_ENCRYPT_THEN_MAC = 22, EXT_EXTENDED_MASTER_SECRET = 23 };

/*
 * The host, the policy, the leaf; and all that the choice of the suite depends on, so that a
 * session is resumed only where a new one would be of the same kind. The library does not look: in
 * TLS 1.2 it would resume with another suite (RFC 5246 section 7.4.1.3) or without the extended
 * master secret (RFC 7627 section 5.3), in TLS 1.3 it would end the handshake.
 */
static bool make_binding(struct session *session, const struct downstream_offer *offer)
{
	const struct hello *hello = offer->hello;
	const struct hello_list *extensions = &hello->extensions;
	const bool kinds[] = { hello_offers(extensions, EXT_MAX_FRAGMENT_LENGTH),
			       hello_offers(extensions, EXT_ENCRYPT_THEN_MAC),
			       hello_offers(extensions, EXT_EXTENDED_MASTER_SECRET) };
	struct binding binding;

	binding_start(&binding);
	binding_add(&binding, hello->host, strlen(hello->host));
	binding_add(&binding, &offer->generation, sizeof(offer->generation));
	binding_add(&binding, offer->leaf->digest, sizeof(offer->leaf->digest));
	binding_add(&binding, &offer->upstream->version, sizeof(offer->upstream->version));
	binding_add(&binding, session->mbed->suites, sizeof(session->mbed->suites));
	binding_add_list(&binding, &hello->groups);
	binding_add_list(&binding, &hello->signature_algorithms);
	binding_add(&binding, kinds, sizeof(kinds));
	return binding_finish(&binding, session->mbed->tickets.binding);
}

/*
 * In TLS 1.3 the library resumes only with a fresh key exchange (see mbedtls_config.h), gives one
 * ticket for each connection, and says in it that no early data is taken.
 */
static void give_tickets(struct session *session, const struct downstream_offer *offer)
{
	if (!offer->tickets || !make_binding(session, offer))
		return;
	session->mbed->tickets.tickets = offer->tickets;
	mbedtls_ssl_conf_session_tickets_cb(&session->mbed->conf, tickets_write, tickets_parse,
					    &session->mbed->tickets);
}

static int configure(struct session *session, const struct downstream_offer *offer)
{
	mbedtls_ssl_config *conf = &session->mbed->conf;
	mbedtls_ssl_protocol_version version = offer->upstream->version;

	mbedtls_ssl_conf_min_tls_version(conf, version);
	mbedtls_ssl_conf_max_tls_version(conf, version);
	mbedtls_ssl_conf_cert_cb(conf, hello_is_read);
	/*
	 * A hello that offers no TLS 1.3 may have lost it on its way here; by our mark in the
	 * random the client knows (RFC 8446 section 4.1.3). Where it does offer it, it is the
	 * server that has no more, and the mark would be an untruth.
	 */
	session->mbed->marks_random = hello_version_max(offer->hello) < MBEDTLS_SSL_VERSION_TLS1_3;
	offer_suites(session, offer);
	offer_groups_and_signatures(session, &offer->limits);
	give_tickets(session, offer);
	if (offer->upstream->alpn) {
		snprintf(session->mbed->alpn_text, sizeof(session->mbed->alpn_text), "%s",
			 offer->upstream->alpn);
		session->mbed->alpn[0] = session->mbed->alpn_text;
		if (mbedtls_ssl_conf_alpn_protocols(conf, session->mbed->alpn))
			return -ENOMEM;
	}
	session->mbed->leaf = offer->leaf;
	/* The library only reads the chain and the key, though it takes them as non-const. */
	if (mbedtls_ssl_conf_own_cert(conf, (mbedtls_x509_crt *)&offer->leaf->chain,
				      offer->leaf->key))
		return -ENOMEM;
	return prefix_hello(session, offer);
}

int downstream_new(struct sock *sock, struct tls_thread *thread,
		   const struct downstream_offer *offer, struct session **ret_session)
{
	struct session *session = mbed_session_new(sock, thread, MBEDTLS_SSL_IS_SERVER);
	int r = session ? configure(session, offer) : -ENOMEM;

	if (r == 0)
		r = mbed_session_start(session);
	if (r < 0) {
		session_free(session);
		return r;
	}
	*ret_session = session;
	return 0;
}

enum downstream_result downstream_handshake(struct session *session)
{
	for (;;) {
		switch (mbed_step(session)) {
		case MBED_STEP_ON:
			break;
		case MBED_STEP_WAIT:
			return DOWNSTREAM_WAIT;
		case MBED_STEP_OVER:
			return DOWNSTREAM_READY;
		case MBED_STEP_ALERT:
		case MBED_STEP_VERSION:
			return DOWNSTREAM_ALERT;
		case MBED_STEP_CLOSED:
			return DOWNSTREAM_CLOSED;
		case MBED_STEP_RESET:
			return DOWNSTREAM_RESET;
		case MBED_STEP_REQUEST:
		case MBED_STEP_FLIGHT:
		case MBED_STEP_TOO_LARGE:
		case MBED_STEP_CERTIFICATE:
		case MBED_STEP_ERROR:
			leaf_recover(session->mbed->leaf);
			return DOWNSTREAM_TLS_ERROR;
		}
	}
}
