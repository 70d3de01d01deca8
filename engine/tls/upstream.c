/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/upstream.h"

#include <errno.h>
#include <string.h>

#include "tls/mbed.h"

enum {
	DH_BITS_MIN = 2048, /* the library's 1024 can be broken in advance (Logjam) */
};

/* Codes of the client's list that are allowed, in the client's order. Returns how many. */
static unsigned common_codes(const struct hello_list *offered, const struct codepoints *allowed,
			     uint16_t *ret_codes)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < offered->n; i++)
		if (codepoints_have(allowed, offered->at[i]))
			ret_codes[kept++] = offered->at[i];
	ret_codes[kept] = 0;
	return kept;
}

/* A client that sends no such list leaves it to the server. */
static void offer_codes(const struct hello_list *offered, const struct codepoints *allowed,
			uint16_t *ret_codes)
{
	if (offered->n > 0) {
		(void)common_codes(offered, allowed, ret_codes);
		return;
	}
	memcpy(ret_codes, allowed->at, allowed->n * sizeof(ret_codes[0]));
	ret_codes[allowed->n] = 0;
}

/* Without TLS 1.3 in the offer the library leaves PSS out, and fails if nothing is left. */
static struct codepoints signatures_of(const struct hello *hello, const struct tls_limits *limits)
{
	bool has_13 = hello_version_max(hello) >= MBEDTLS_SSL_VERSION_TLS1_3;
	struct codepoints kept = { 0 };

	for (unsigned i = 0; i < limits->signature_algorithms->n; i++) {
		uint16_t algorithm = limits->signature_algorithms->at[i];

		if (has_13 || algorithm >> 8 != 0x08 /* rsa_pss_... */)
			kept.at[kept.n++] = algorithm;
	}
	return kept;
}

static bool is_tls13_suite(int suite)
{
	return suite >> 8 == 0x13;
}

static uint16_t version_min(const struct hello *hello, const struct tls_limits *limits)
{
	uint16_t offered = hello_version_min(hello);

	return offered > limits->version_min ? offered : limits->version_min;
}

/* Suites that both know and the owner allows, of the versions that are offered at all. */
static unsigned common_suites(const struct hello *hello, const struct tls_limits *limits,
			      int *ret_suites)
{
	bool has_12 = version_min(hello, limits) <= MBEDTLS_SSL_VERSION_TLS1_2;
	bool has_13 = hello_version_max(hello) >= MBEDTLS_SSL_VERSION_TLS1_3;
	unsigned kept = 0;

	for (unsigned i = 0; i < hello->n_suites && kept < MBED_SUITES_MAX; i++) {
		int suite = hello->suites[i];

		if ((is_tls13_suite(suite) ? has_13 : has_12) &&
		    codepoints_have(limits->suites, hello->suites[i]))
			ret_suites[kept++] = suite;
	}
	ret_suites[kept] = 0;
	return kept;
}

bool upstream_is_possible(const struct hello *hello, const struct tls_limits *limits)
{
	struct codepoints signatures = signatures_of(hello, limits);
	int suites[MBED_SUITES_MAX + 1];
	uint16_t codes[HELLO_LIST_MAX + 1];

	return hello_version_max(hello) >= limits->version_min &&
	       common_suites(hello, limits, suites) > 0 &&
	       (hello->groups.n == 0 || common_codes(&hello->groups, limits->groups, codes) > 0) &&
	       (hello->signature_algorithms.n == 0 ||
		common_codes(&hello->signature_algorithms, &signatures, codes) > 0);
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

static void offer_versions(struct session *session, const struct hello *hello,
			   const struct tls_limits *limits)
{
	bool has_12 = version_min(hello, limits) <= MBEDTLS_SSL_VERSION_TLS1_2;
	bool has_13 = hello_version_max(hello) >= MBEDTLS_SSL_VERSION_TLS1_3;

	session->mbed->has_tls13 = has_13;
	mbedtls_ssl_conf_min_tls_version(&session->mbed->conf, has_12 ? MBEDTLS_SSL_VERSION_TLS1_2
								      : MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_max_tls_version(&session->mbed->conf, has_13 ? MBEDTLS_SSL_VERSION_TLS1_3
								      : MBEDTLS_SSL_VERSION_TLS1_2);
}

static void offer(struct session *session, const struct hello *hello,
		  const struct tls_limits *limits)
{
	mbedtls_ssl_config *conf = &session->mbed->conf;
	struct codepoints signatures = signatures_of(hello, limits);

	offer_versions(session, hello, limits);
	session->has_post_handshake_auth = hello->has_post_handshake_auth;
	offer_alpn(session, hello);
	common_suites(hello, limits, session->mbed->suites);
	mbedtls_ssl_conf_ciphersuites(conf, session->mbed->suites);
	offer_codes(&hello->groups, limits->groups, session->mbed->groups);
	mbedtls_ssl_conf_groups(conf, session->mbed->groups);
	offer_codes(&hello->signature_algorithms, &signatures, session->mbed->signature_algorithms);
	mbedtls_ssl_conf_sig_algs(conf, session->mbed->signature_algorithms);
	mbedtls_ssl_conf_dhm_min_bitlen(conf, DH_BITS_MIN);
	/* A resumed handshake would hide what the server asks; see upstream_keep(). */
	mbedtls_ssl_conf_session_tickets(conf, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
	mbedtls_ssl_conf_tls13_key_exchange_modes(conf,
						  MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL);
}

int upstream_new(struct sock *sock, struct tls_thread *thread, const struct hello *hello,
		 const struct tls_limits *limits, struct session **ret_session)
{
	struct session *session = mbed_session_new(sock, thread, MBEDTLS_SSL_IS_CLIENT);
	int r;

	if (!session)
		return -ENOMEM;
	offer(session, hello, limits);
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
			session->is_flight_read = true;
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
	return session->is_flight_read ? UPSTREAM_PROVEN : run(session, true);
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
