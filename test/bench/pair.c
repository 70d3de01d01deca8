/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/bench/pair.h"

#include <mbedtls/psa_util.h>
#include <mbedtls/ssl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIPE_SIZE = 1 << 16, STEPS_MAX = 100 };

struct pipe {
	uint8_t bytes[PIPE_SIZE];
	size_t from, to;
};

/* One end of mbedTLS's: it reads from one pipe and writes into the other. */
struct end {
	mbedtls_ssl_config conf;
	mbedtls_ssl_context ssl;
	struct pipe *reads, *writes;
};

struct pair {
	bool is_openssl;
	/* OpenSSL */
	SSL_CTX *client_context, *server_context;
	/* mbedTLS */
	mbedtls_x509_crt ca, chain;
	mbedtls_pk_context key;
	struct end client, server;
	struct pipe to_server, to_client;
};

static void must(bool is_done, const char *what)
{
	if (is_done)
		return;
	fprintf(stderr, "%s failed\n", what);
	exit(1);
}

/* --- certificates --- */

static X509 *certificate(EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer)
{
	X509 *made = X509_new();
	X509_NAME *name = X509_get_subject_name(made);
	X509_EXTENSION *extension =
		issuer ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
					     "DNS:www.example.com")
		       : X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");

	X509_set_version(made, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(made), issuer ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(made), -86400);
	X509_gmtime_adj(X509_getm_notAfter(made), 86400);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const uint8_t *)(issuer ? "www.example.com" : "CA"), -1, -1, 0);
	X509_set_issuer_name(made, issuer ? X509_get_subject_name(issuer) : name);
	X509_set_pubkey(made, key);
	X509_add_ext(made, extension, -1);
	X509_EXTENSION_free(extension);
	must(X509_sign(made, signer, EVP_sha256()) > 0, "signing");
	return made;
}

static void add_certificate(X509 *x509, mbedtls_x509_crt *chain)
{
	uint8_t *der = NULL;
	int n = i2d_X509(x509, &der);

	must(n > 0 && mbedtls_x509_crt_parse_der(chain, der, (size_t)n) == 0, "parsing");
	OPENSSL_free(der);
}

void pair_key(EVP_PKEY *key, mbedtls_pk_context *ret_key)
{
	uint8_t *der = NULL;
	int n = i2d_PrivateKey(key, &der);

	must(n > 0 && mbedtls_pk_parse_key(ret_key, der, (size_t)n, NULL, 0, mbedtls_psa_get_random,
					   MBEDTLS_PSA_RANDOM_STATE) == 0,
	     "taking the key");
	OPENSSL_clear_free(der, (size_t)n);
}

/* --- mbedTLS --- */

static int pipe_write(void *object, const unsigned char *bytes, size_t n)
{
	struct pipe *pipe = ((struct end *)object)->writes;

	if (n > PIPE_SIZE - pipe->to)
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	memcpy(pipe->bytes + pipe->to, bytes, n);
	pipe->to += n;
	return (int)n;
}

static int pipe_read(void *object, unsigned char *bytes, size_t n)
{
	struct pipe *pipe = ((struct end *)object)->reads;

	if (pipe->from == pipe->to)
		return MBEDTLS_ERR_SSL_WANT_READ;
	n = n < pipe->to - pipe->from ? n : pipe->to - pipe->from;
	memcpy(bytes, pipe->bytes + pipe->from, n);
	pipe->from += n;
	return (int)n;
}

static void end_init(struct end *end, int endpoint, int version)
{
	static const uint16_t groups[] = { MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
					   MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, 0 };
	static const int suites[] = { MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
				      MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
				      MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 0 };

	mbedtls_ssl_config_init(&end->conf);
	must(mbedtls_ssl_config_defaults(&end->conf, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
					 MBEDTLS_SSL_PRESET_DEFAULT) == 0,
	     "configuring");
	mbedtls_ssl_conf_rng(&end->conf, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
	mbedtls_ssl_conf_min_tls_version(&end->conf, (mbedtls_ssl_protocol_version)version);
	mbedtls_ssl_conf_max_tls_version(&end->conf, (mbedtls_ssl_protocol_version)version);
	mbedtls_ssl_conf_groups(&end->conf, groups);
	mbedtls_ssl_conf_ciphersuites(&end->conf, suites);
}

static void end_start(struct end *end)
{
	mbedtls_ssl_init(&end->ssl);
	must(mbedtls_ssl_setup(&end->ssl, &end->conf) == 0, "setting up");
	mbedtls_ssl_set_bio(&end->ssl, end, pipe_write, pipe_read, NULL);
}

static bool is_going(int r)
{
	return r == 0 || r == MBEDTLS_ERR_SSL_WANT_READ || r == MBEDTLS_ERR_SSL_WANT_WRITE;
}

static bool handshake(struct pair *pair)
{
	mbedtls_ssl_context *client = &pair->client.ssl, *server = &pair->server.ssl;
	bool is_done = false, is_broken = false;

	pair->to_server.from = pair->to_server.to = pair->to_client.from = pair->to_client.to = 0;
	end_start(&pair->client);
	end_start(&pair->server);
	must(mbedtls_ssl_set_hostname(client, "www.example.com") == 0, "naming");
	for (unsigned i = 0; i < STEPS_MAX && !is_done && !is_broken; i++) {
		is_broken = !is_going(mbedtls_ssl_handshake(client)) ||
			    !is_going(mbedtls_ssl_handshake(server));
		is_done = mbedtls_ssl_is_handshake_over(client) &&
			  mbedtls_ssl_is_handshake_over(server);
	}
	mbedtls_ssl_free(client);
	mbedtls_ssl_free(server);
	return is_done;
}

/* --- OpenSSL --- */

static bool handshake_openssl(const struct pair *pair)
{
	SSL *client = SSL_new(pair->client_context), *server = SSL_new(pair->server_context);
	BIO *client_bio, *server_bio;
	bool is_done = false;

	must(BIO_new_bio_pair(&client_bio, PIPE_SIZE, &server_bio, PIPE_SIZE) == 1, "a BIO pair");
	SSL_set_bio(client, client_bio, client_bio);
	SSL_set_bio(server, server_bio, server_bio);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	SSL_set_tlsext_host_name(client, "www.example.com");
	SSL_set1_host(client, "www.example.com");
	for (unsigned i = 0; i < STEPS_MAX && !is_done; i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
		is_done = SSL_is_init_finished(client) && SSL_is_init_finished(server);
	}
	SSL_free(client);
	SSL_free(server);
	return is_done;
}

static SSL_CTX *context_new(const SSL_METHOD *method, int version)
{
	SSL_CTX *context = SSL_CTX_new(method);

	SSL_CTX_set_min_proto_version(context, version);
	SSL_CTX_set_max_proto_version(context, version);
	SSL_CTX_set1_groups_list(context, "X25519:P-256");
	SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
	SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM");
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(context, 0);
	return context;
}

/* --- both --- */

static void set_up_openssl(struct pair *pair, EVP_PKEY *leaf_key, X509 *leaf, X509 *ca, int version)
{
	pair->client_context = context_new(TLS_client_method(), version);
	pair->server_context = context_new(TLS_server_method(), version);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(pair->client_context), ca);
	SSL_CTX_set_verify(pair->client_context, SSL_VERIFY_PEER, NULL);
	must(SSL_CTX_use_certificate(pair->server_context, leaf) == 1 &&
		     SSL_CTX_use_PrivateKey(pair->server_context, leaf_key) == 1,
	     "giving the certificate");
}

static void set_up(struct pair *pair, EVP_PKEY *leaf_key, X509 *leaf, X509 *ca, int version)
{
	mbedtls_x509_crt_init(&pair->ca);
	mbedtls_x509_crt_init(&pair->chain);
	mbedtls_pk_init(&pair->key);
	add_certificate(ca, &pair->ca);
	add_certificate(leaf, &pair->chain);
	pair_key(leaf_key, &pair->key);
	end_init(&pair->client, MBEDTLS_SSL_IS_CLIENT, version);
	end_init(&pair->server, MBEDTLS_SSL_IS_SERVER, version);
	pair->client.reads = pair->server.writes = &pair->to_client;
	pair->server.reads = pair->client.writes = &pair->to_server;
	mbedtls_ssl_conf_ca_chain(&pair->client.conf, &pair->ca, NULL);
	mbedtls_ssl_conf_session_tickets(&pair->client.conf, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
	must(mbedtls_ssl_conf_own_cert(&pair->server.conf, &pair->chain, &pair->key) == 0,
	     "giving the certificate");
}

struct pair *pair_new(EVP_PKEY *leaf_key, int version, bool is_openssl)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	EVP_PKEY *ca_key = EVP_EC_gen("P-256");
	X509 *ca = certificate(ca_key, NULL, ca_key);
	X509 *leaf = certificate(leaf_key, ca, ca_key);

	must(pair, "allocation");
	pair->is_openssl = is_openssl;
	(is_openssl ? set_up_openssl : set_up)(pair, leaf_key, leaf, ca, version);
	X509_free(leaf);
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	return pair;
}

bool pair_handshake(struct pair *pair)
{
	return pair->is_openssl ? handshake_openssl(pair) : handshake(pair);
}

void pair_free(struct pair *pair)
{
	SSL_CTX_free(pair->client_context);
	SSL_CTX_free(pair->server_context);
	if (!pair->is_openssl) {
		mbedtls_ssl_config_free(&pair->client.conf);
		mbedtls_ssl_config_free(&pair->server.conf);
		mbedtls_x509_crt_free(&pair->ca);
		mbedtls_x509_crt_free(&pair->chain);
		mbedtls_pk_free(&pair->key);
	}
	free(pair);
}
