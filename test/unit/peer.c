/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/peer.h"

#include "test/unit/cmocka_all.h"

#include <gnutls/gnutls.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

struct peer {
	bool is_done;
	/* OpenSSL */
	SSL_CTX *context;
	SSL *ssl;
	/* GnuTLS */
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
};

static const struct {
	const char *openssl, *gnutls;
} group_names[N_PEER_GROUPS] = {
	[PEER_X25519] = { "X25519", "GROUP-X25519" },
	[PEER_P256] = { "P-256", "GROUP-SECP256R1" },
	[PEER_P384] = { "P-384", "GROUP-SECP384R1" },
	[PEER_P521] = { "P-521", "GROUP-SECP521R1" },
	[PEER_X448] = { "X448", "GROUP-X448" },
	[PEER_FFDHE2048] = { "ffdhe2048", "GROUP-FFDHE2048" },
	[PEER_FFDHE3072] = { "ffdhe3072", "GROUP-FFDHE3072" },
};

static const struct {
	const char *openssl13, *openssl12, *gnutls;
} cipher_names[N_PEER_CIPHERS] = {
	[PEER_AES128_GCM] = { "TLS_AES_128_GCM_SHA256", "AES128-GCM-SHA256", "AES-128-GCM" },
	[PEER_AES256_GCM] = { "TLS_AES_256_GCM_SHA384", "AES256-GCM-SHA384", "AES-256-GCM" },
	[PEER_CHACHA20] = { "TLS_CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305",
			    "CHACHA20-POLY1305" },
	[PEER_CBC] = { "", "AES128-SHA256", "AES-128-CBC" },
};

static const struct {
	const char *openssl, *gnutls;
} signature_names[N_PEER_SIGNATURES] = {
	[PEER_ECDSA] = { "ECDSA+SHA256:ECDSA+SHA384",
			 "+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SECP256R1-SHA256:"
			 "+SIGN-ECDSA-SECP384R1-SHA384" },
	[PEER_RSA_PSS] = { "RSA-PSS+SHA256:RSA-PSS+SHA384",
			   "+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384" },
	[PEER_RSA_PKCS1] = { "RSA+SHA256:RSA+SHA384", "+SIGN-RSA-SHA256:+SIGN-RSA-SHA384" },
};

/* --- OpenSSL --- */

static void context_restrict(SSL_CTX *context, const struct peer_way *way)
{
	bool is_finite = way->group >= PEER_FFDHE2048;
	const char *cipher = cipher_names[way->cipher].openssl12;
	char list[128], groups[32];

	SSL_CTX_set_min_proto_version(context, way->version);
	SSL_CTX_set_max_proto_version(context, way->version);
	SSL_CTX_set_dh_auto(context, 1);
	if (way->version == TLS1_3_VERSION)
		assert_int_equal(
			SSL_CTX_set_ciphersuites(context, cipher_names[way->cipher].openssl13), 1);
	else if (is_finite)
		snprintf(list, sizeof(list), "DHE-RSA-%s", cipher);
	else
		snprintf(list, sizeof(list), "ECDHE-ECDSA-%s:ECDHE-RSA-%s", cipher, cipher);
	if (way->version == TLS1_2_VERSION)
		assert_int_equal(SSL_CTX_set_cipher_list(context, list), 1);
	/* In TLS 1.2 the groups are also the curves of keys. */
	snprintf(groups, sizeof(groups), "%s%s", group_names[way->group].openssl,
		 way->version == TLS1_2_VERSION && way->group != PEER_P256 ? ":P-256" : "");
	assert_int_equal(SSL_CTX_set1_groups_list(context, groups), 1);
	assert_int_equal(
		SSL_CTX_set1_sigalgs_list(context, signature_names[way->signature].openssl), 1);
}

static void start_openssl(struct peer *peer, const struct peer_way *way,
			  const struct peer_identity *identity, int fd)
{
	bool is_server = identity->key;

	peer->context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	context_restrict(peer->context, way);
	if (is_server) {
		assert_int_equal(SSL_CTX_use_certificate(peer->context, identity->leaf), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(peer->context, identity->key), 1);
	} else {
		X509_STORE_add_cert(SSL_CTX_get_cert_store(peer->context), identity->ca);
		SSL_CTX_set_verify(peer->context, SSL_VERIFY_PEER, NULL);
	}
	peer->ssl = SSL_new(peer->context);
	assert_int_equal(SSL_set_fd(peer->ssl, fd), 1);
	if (is_server) {
		SSL_set_accept_state(peer->ssl);
	} else {
		SSL_set_connect_state(peer->ssl);
		SSL_set_tlsext_host_name(peer->ssl, "www.example.com");
		SSL_set1_host(peer->ssl, "www.example.com");
	}
}

/* --- GnuTLS --- */

static void session_restrict(gnutls_session_t session, const struct peer_way *way)
{
	bool is_12 = way->version == TLS1_2_VERSION;
	char priority[512];

	snprintf(priority, sizeof(priority),
		 "NORMAL:-VERS-ALL:+VERS-TLS1.%d:-GROUP-ALL:+%s%s:-CIPHER-ALL:+%s:-MAC-ALL:+AEAD:"
		 "+SHA256:-SIGN-ALL:%s%s",
		 is_12 ? 2 : 3, group_names[way->group].gnutls,
		 is_12 && way->group != PEER_P256 ? ":+GROUP-SECP256R1" : "",
		 cipher_names[way->cipher].gnutls, signature_names[way->signature].gnutls,
		 is_12 && way->group >= PEER_FFDHE2048 ? ":-KX-ALL:+DHE-RSA" : "");
	assert_int_equal(gnutls_priority_set_direct(session, priority, NULL), GNUTLS_E_SUCCESS);
}

static gnutls_datum_t certificate_der(X509 *x509)
{
	gnutls_datum_t der = { 0 };
	int n = i2d_X509(x509, &der.data);

	assert_true(n > 0);
	der.size = (unsigned)n;
	return der;
}

static gnutls_datum_t key_der(EVP_PKEY *key)
{
	gnutls_datum_t der = { 0 };
	int n = i2d_PrivateKey(key, &der.data);

	assert_true(n > 0);
	der.size = (unsigned)n;
	return der;
}

static void start_gnutls(struct peer *peer, const struct peer_way *way,
			 const struct peer_identity *identity, int fd)
{
	bool is_server = identity->key;
	gnutls_datum_t certificate = certificate_der(is_server ? identity->leaf : identity->ca);

	assert_int_equal(gnutls_certificate_allocate_credentials(&peer->credentials), 0);
	assert_int_equal(gnutls_init(&peer->session,
				     (is_server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK),
			 0);
	session_restrict(peer->session, way);
	if (is_server) {
		gnutls_datum_t key = key_der(identity->key);

		assert_int_equal(gnutls_certificate_set_x509_key_mem(peer->credentials,
								     &certificate, &key,
								     GNUTLS_X509_FMT_DER),
				 0);
		OPENSSL_free(key.data);
	} else {
		assert_int_equal(gnutls_certificate_set_x509_trust_mem(
					 peer->credentials, &certificate, GNUTLS_X509_FMT_DER),
				 1);
		gnutls_session_set_verify_cert(peer->session, "www.example.com", 0);
		gnutls_server_name_set(peer->session, GNUTLS_NAME_DNS, "www.example.com", 15);
	}
	gnutls_credentials_set(peer->session, GNUTLS_CRD_CERTIFICATE, peer->credentials);
	gnutls_transport_set_int(peer->session, fd);
	OPENSSL_free(certificate.data);
}

/* --- either --- */

struct peer *peer_new(const struct peer_way *way, const struct peer_identity *identity, int fd)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	assert_non_null(peer);
	if (way->library == PEER_OPENSSL)
		start_openssl(peer, way, identity, fd);
	else
		start_gnutls(peer, way, identity, fd);
	return peer;
}

bool peer_shake(struct peer *peer)
{
	int r;

	if (peer->is_done)
		return true;
	if (peer->ssl) {
		(void)SSL_do_handshake(peer->ssl);
		peer->is_done = SSL_is_init_finished(peer->ssl);
		return peer->is_done;
	}
	r = gnutls_handshake(peer->session);
	if (r < 0 && gnutls_error_is_fatal(r))
		print_message("GnuTLS: %s\n", gnutls_strerror(r));
	peer->is_done = r == GNUTLS_E_SUCCESS;
	return peer->is_done;
}

ssize_t peer_read(struct peer *peer, void *bytes, size_t n)
{
	ssize_t r = peer->ssl ? SSL_read(peer->ssl, bytes, (int)n)
			      : gnutls_record_recv(peer->session, bytes, n);

	return r > 0 ? r : -1;
}

ssize_t peer_write(struct peer *peer, const void *bytes, size_t n)
{
	ssize_t r = peer->ssl ? SSL_write(peer->ssl, bytes, (int)n)
			      : gnutls_record_send(peer->session, bytes, n);

	return r > 0 ? r : -1;
}

void peer_free(struct peer *peer)
{
	if (!peer)
		return;
	SSL_free(peer->ssl);
	SSL_CTX_free(peer->context);
	if (peer->session)
		gnutls_deinit(peer->session);
	if (peer->credentials)
		gnutls_certificate_free_credentials(peer->credentials);
	free(peer);
}
