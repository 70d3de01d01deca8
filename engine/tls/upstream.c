/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/upstream.h"

#include <errno.h>
#include <string.h>

#include "tls/mbed.h"

/* Codes of the client's list that are in ours, in the client's order. Returns how many. */
static unsigned common_codes(const uint16_t *offered, unsigned n, const uint16_t *known,
			     uint16_t *ret_codes)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++)
		for (const uint16_t *code = known; *code; code++)
			if (*code == offered[i])
				ret_codes[kept++] = offered[i];
	ret_codes[kept] = 0;
	return kept;
}

static unsigned common_groups(const struct hello *hello, uint16_t *ret_groups)
{
	static const uint16_t known[] = {
		MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
		MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
		MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
		MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1,
		MBEDTLS_SSL_IANA_TLS_GROUP_X448,
		MBEDTLS_SSL_IANA_TLS_GROUP_FFDHE2048,
		MBEDTLS_SSL_IANA_TLS_GROUP_FFDHE3072,
		MBEDTLS_SSL_IANA_TLS_GROUP_FFDHE4096,
		0,
	};

	return common_codes(hello->groups.at, hello->groups.n, known, ret_groups);
}

static unsigned common_signatures(const struct hello *hello, uint16_t *ret_algorithms)
{
	static const uint16_t known[] = {
		MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
		MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
		MBEDTLS_TLS1_3_SIG_ECDSA_SECP521R1_SHA512,
		MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
		MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
		MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
		MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
		MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
		MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
		0,
	};

	return common_codes(hello->signature_algorithms.at, hello->signature_algorithms.n, known,
			    ret_algorithms);
}

static bool is_tls13_suite(int suite)
{
	return suite >> 8 == 0x13;
}

/* Suites both know, of the versions that are offered at all. */
static unsigned common_suites(const struct hello *hello, int *ret_suites)
{
	bool has_12 = hello_version_min(hello) <= MBEDTLS_SSL_VERSION_TLS1_2;
	bool has_13 = hello_version_max(hello) >= MBEDTLS_SSL_VERSION_TLS1_3;
	unsigned kept = 0;

	for (unsigned i = 0; i < hello->n_suites && kept < MBED_SUITES_MAX; i++) {
		int suite = hello->suites[i];

		if ((is_tls13_suite(suite) ? has_13 : has_12) &&
		    mbedtls_ssl_ciphersuite_from_id(suite))
			ret_suites[kept++] = suite;
	}
	ret_suites[kept] = 0;
	return kept;
}

bool upstream_is_possible(const struct hello *hello)
{
	int suites[MBED_SUITES_MAX + 1];
	uint16_t codes[HELLO_LIST_MAX + 1];

	return hello_version_max(hello) >= MBEDTLS_SSL_VERSION_TLS1_2 &&
	       common_suites(hello, suites) > 0 &&
	       (hello->groups.n == 0 || common_groups(hello, codes) > 0) &&
	       (hello->signature_algorithms.n == 0 || common_signatures(hello, codes) > 0);
}

/* Names that C strings cannot hold are left out; what remains is the client's own list. */
static void offer_alpn(struct session *session, const struct hello *hello)
{
	char *text = session->mbed->alpn_text;
	const uint8_t *name;
	unsigned kept = 0;
	size_t at = 0, n;

	while (kept < MBED_ALPN_MAX && (name = hello_alpn_next(hello, &at, &n))) {
		if (n == 0 || memchr(name, '\0', n))
			continue;
		memcpy(text, name, n); /* fits: each name loses its length byte and gains a NUL */
		text[n] = '\0';
		session->mbed->alpn[kept++] = text;
		text += n + 1;
	}
	if (kept > 0) /* an empty list crashes the library */
		(void)mbedtls_ssl_conf_alpn_protocols(&session->mbed->conf, session->mbed->alpn);
}

static void offer_versions(struct session *session, const struct hello *hello)
{
	bool has_12 = hello_version_min(hello) <= MBEDTLS_SSL_VERSION_TLS1_2;
	bool has_13 = hello_version_max(hello) >= MBEDTLS_SSL_VERSION_TLS1_3;

	session->mbed->has_tls13 = has_13;
	mbedtls_ssl_conf_min_tls_version(&session->mbed->conf, has_12 ? MBEDTLS_SSL_VERSION_TLS1_2
								      : MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_max_tls_version(&session->mbed->conf, has_13 ? MBEDTLS_SSL_VERSION_TLS1_3
								      : MBEDTLS_SSL_VERSION_TLS1_2);
}

static void offer(struct session *session, const struct hello *hello)
{
	mbedtls_ssl_config *conf = &session->mbed->conf;

	offer_versions(session, hello);
	session->has_post_handshake_auth = hello->has_post_handshake_auth;
	offer_alpn(session, hello);
	common_suites(hello, session->mbed->suites);
	mbedtls_ssl_conf_ciphersuites(conf, session->mbed->suites);
	if (common_groups(hello, session->mbed->groups) > 0)
		mbedtls_ssl_conf_groups(conf, session->mbed->groups);
	if (common_signatures(hello, session->mbed->signature_algorithms) > 0)
		mbedtls_ssl_conf_sig_algs(conf, session->mbed->signature_algorithms);
	/* A resumed handshake would hide what the server asks; see upstream_keep(). */
	mbedtls_ssl_conf_session_tickets(conf, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
	mbedtls_ssl_conf_tls13_key_exchange_modes(conf,
						  MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL);
}

int upstream_new(struct sock *sock, struct tls_thread *thread, const struct hello *hello,
		 struct session **ret_session)
{
	struct session *session = mbed_session_new(sock, thread, MBEDTLS_SSL_IS_CLIENT);
	int r;

	if (!session)
		return -ENOMEM;
	offer(session, hello);
	r = mbed_session_start(session);
	/* Called also when there is no name: the library insists that somebody thought of it. */
	if (r == 0 &&
	    mbedtls_ssl_set_hostname(&session->mbed->ssl, hello->has_sni ? hello->host : NULL) != 0)
		r = -ENOMEM;
	if (r < 0) {
		session_free(session);
		return r;
	}
	*ret_session = session;
	return 0;
}

bool upstream_offer_http1(struct session *session)
{
	for (unsigned i = 0; session->mbed->alpn[i]; i++) {
		if (strcmp(session->mbed->alpn[i], "http/1.1") != 0)
			continue;
		session->mbed->alpn[0] = session->mbed->alpn[i];
		session->mbed->alpn[1] = NULL;
		return true;
	}
	return false;
}

void upstream_hear_late(struct session *session)
{
	session->hears_late = true;
}

void upstream_keep(struct session *session, session_keep *keep, void *keeper)
{
	mbedtls_ssl_config *conf = &session->mbed->conf;

	session->keep = keep;
	session->keeper = keeper;
	mbedtls_ssl_conf_session_tickets(conf, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
	/* What the server may resume with is what it is told it may. */
	mbedtls_ssl_conf_tls13_key_exchange_modes(
		conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ALL);
}

bool upstream_resume(struct session *session, const struct resumption *resumption)
{
	return resumption_offer(session, resumption);
}

/* An alert about the version: without TLS 1.3 in the offer, that may be all the server speaks. */
static enum upstream_result refusal(const struct session *session)
{
	return session->alert == MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION && session->mbed->has_tls13
		       ? UPSTREAM_LEGACY_TLS
		       : UPSTREAM_REFUSED_OFFER;
}

static enum upstream_result run(struct session *session, bool stops_before_our_flight)
{
	for (;;) {
		switch (mbed_step(session)) {
		case MBED_STEP_ON:
			break;
		case MBED_STEP_FLIGHT:
			if (stops_before_our_flight)
				return UPSTREAM_PROVEN;
			break;
		case MBED_STEP_WAIT:
			return UPSTREAM_WAIT;
		case MBED_STEP_OVER:
			return UPSTREAM_READY;
		case MBED_STEP_REQUEST:
			return UPSTREAM_WANTS_CERTIFICATE;
		case MBED_STEP_TOO_LARGE:
			return UPSTREAM_MESSAGE_TOO_LARGE;
		case MBED_STEP_CERTIFICATE:
			return UPSTREAM_CERTIFICATE_UNSUPPORTED;
		case MBED_STEP_VERSION:
			return UPSTREAM_LEGACY_TLS;
		case MBED_STEP_ALERT:
			return refusal(session);
		case MBED_STEP_CLOSED:
			return UPSTREAM_CLOSED;
		case MBED_STEP_RESET:
			return UPSTREAM_RESET;
		case MBED_STEP_ERROR:
			return UPSTREAM_TLS_ERROR;
		}
	}
}

enum upstream_result upstream_handshake(struct session *session)
{
	return run(session, false);
}

enum upstream_result upstream_prove(struct session *session)
{
	return run(session, true);
}

const struct certreq *upstream_request(const struct session *session)
{
	return session->is_request_seen ? &session->request : NULL;
}

bool upstream_is_late(const struct session *session)
{
	return session->is_request_late;
}

unsigned upstream_chain(const struct session *session, struct der *ret_chain, unsigned n)
{
	const mbedtls_x509_crt *at = session->mbed ? mbed_peer_chain(session) : NULL;
	unsigned kept = 0;

	for (; at && kept < n; at = at->next)
		ret_chain[kept++] = (struct der){ .bytes = at->raw.p, .n = at->raw.len };
	return kept;
}
