/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a bystander sees of handshakes between two OpenSSLs. Each is looked at in every state of its
 * growth: an early look may know less than the last one, and never something else.
 */
#include "test/unit/cmocka_all.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/chain.h"
#include "tls/sighting.h"

enum { BYTES_MAX = 1 << 16 };

static EVP_PKEY *key;
static X509 *ca, *server_leaf, *client_leaf;

static struct flow {
	uint8_t bytes[BYTES_MAX];
	size_t n;
} to_server, to_client;

/* Where each side's bytes began to grow: a look is taken at each of these. */
static struct {
	size_t to_server, to_client;
} steps[64];
static unsigned n_steps;

static SSL_SESSION *kept;

static X509 *make(const char *name, X509 *issuer, const char *sans)
{
	struct chain_recipe recipe = { .name = name, .issuer = issuer, .key = key, .signer = key };

	if (sans)
		recipe.extensions[0] = (struct chain_extension){ NID_subject_alt_name, sans };
	else if (!issuer)
		return chain_make(&(struct chain_recipe){
			.name = name, .key = key, .signer = key, .extensions = { CHAIN_CA } });
	return chain_make(&recipe);
}

static int group_setup(void **state)
{
	(void)state;
	key = EVP_EC_gen("P-256");
	ca = make("Client CA", NULL, NULL);
	server_leaf = make("www.example.com", ca, "DNS:www.example.com");
	client_leaf = make("Alice", ca, "email:alice@example.com");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	X509_free(ca);
	X509_free(server_leaf);
	X509_free(client_leaf);
	EVP_PKEY_free(key);
	SSL_SESSION_free(kept);
	return 0;
}

/* --- a handshake --- */

struct recipe {
	int version;
	int verify;           /* of the server: SSL_VERIFY_* */
	bool has_certificate; /* the client */
	bool trusts_nobody;   /* the client */
	bool twice;           /* and the second time resumed */
	bool is_resumed;
	const char *suites;
	unsigned record; /* bytes of a record at most; 0: as OpenSSL likes */
};

static SSL_CTX *context(const struct recipe *recipe, const SSL_METHOD *method, X509 *leaf)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	assert_non_null(ctx);
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_min_proto_version(ctx, recipe->version);
	SSL_CTX_set_max_proto_version(ctx, recipe->version);
	if (recipe->record)
		SSL_CTX_set_max_send_fragment(ctx, recipe->record);
	if (recipe->suites)
		assert_int_equal(SSL_CTX_set_cipher_list(ctx, recipe->suites), 1);
	if (leaf) {
		assert_int_equal(SSL_CTX_use_certificate(ctx, leaf), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	}
	X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca);
	return ctx;
}

/* Moves what one end wrote to the other, and keeps it. True: there was something. */
static bool carry(SSL *from, SSL *to, struct flow *flow)
{
	int n = BIO_read(SSL_get_wbio(from), flow->bytes + flow->n, (int)(BYTES_MAX - flow->n));

	if (n <= 0)
		return false;
	assert_int_equal(BIO_write(SSL_get_rbio(to), flow->bytes + flow->n, n), n);
	flow->n += (size_t)n;
	steps[n_steps].to_server = to_server.n;
	steps[n_steps++].to_client = to_client.n;
	return true;
}

static SSL *end(SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);

	assert_non_null(ssl);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	return ssl;
}

static void run(const struct recipe *recipe, SSL_CTX *client_ctx, SSL_CTX *server_ctx)
{
	SSL *client = end(client_ctx), *server = end(server_ctx);
	bool is_moving = true;
	char byte;

	to_server.n = to_client.n = 0;
	n_steps = 0;
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	SSL_set_tlsext_host_name(client, "WWW.example.com");
	if (recipe->is_resumed)
		assert_int_equal(SSL_set_session(client, kept), 1);
	while (is_moving) {
		(void)SSL_do_handshake(client);
		is_moving = carry(client, server, &to_server);
		(void)SSL_do_handshake(server);
		is_moving |= carry(server, client, &to_client);
	}
	(void)SSL_write(server, "data", 4);
	(void)carry(server, client, &to_client);
	(void)SSL_read(client, &byte, 1);
	if (recipe->is_resumed)
		assert_int_equal(SSL_session_reused(client), 1);
	SSL_SESSION_free(kept);
	kept = SSL_get1_session(client);
	SSL_shutdown(client); /* or the session counts as broken */
	SSL_free(client);
	SSL_free(server);
}

static void shake(struct recipe recipe)
{
	SSL_CTX *client =
		context(&recipe, TLS_client_method(), recipe.has_certificate ? client_leaf : NULL);
	SSL_CTX *server = context(&recipe, TLS_server_method(), server_leaf);

	SSL_CTX_set_verify(client, recipe.trusts_nobody ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (recipe.trusts_nobody)
		SSL_CTX_set_cert_store(client, X509_STORE_new());
	SSL_CTX_set_verify(server, recipe.verify, NULL);
	SSL_CTX_set_session_id_context(server, (const uint8_t *)"test", 4);
	assert_int_equal(SSL_CTX_add_client_CA(server, ca), 1);
	run(&recipe, client, server);
	if (recipe.twice) {
		recipe.is_resumed = true;
		run(&recipe, client, server);
	}
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}

/* --- looking at it --- */

static struct sighting look(size_t n_to_server, size_t n_to_client)
{
	struct sighting sighting;
	uint8_t *one = malloc(n_to_server + 1), *other = malloc(n_to_client + 1);

	memcpy(one, to_server.bytes, n_to_server);
	memcpy(other, to_client.bytes, n_to_client);
	assert_int_equal(sighting_read(one, n_to_server, other, n_to_client, &sighting), 0);
	free(one);
	free(other);
	return sighting;
}

/* What is known early is so in the end; what is not worth a look brings nothing new. */
static void check_early(const struct sighting *early, const struct sighting *last)
{
	if (early->has_hello)
		assert_string_equal(early->host, last->host);
	if (early->version)
		assert_int_equal(early->version, last->version);
	if (early->ask != SIGHTING_UNSEEN)
		assert_int_equal(early->ask, last->ask);
	if (early->answer != SIGHTING_NO_ANSWER)
		assert_int_equal(early->answer, last->answer);
	if (early->state == SIGHTING_DONE) {
		assert_int_equal(early->ask, last->ask);
		assert_int_equal(early->answer, last->answer);
		assert_int_equal(early->server_alert, last->server_alert);
		assert_int_equal(early->client_alert, last->client_alert);
	} else {
		assert_int_equal(early->state, SIGHTING_MORE);
	}
}

static void check_growth(const struct sighting *last)
{
	size_t a = 0, b = 0, need_a = 0, need_b = 0;
	struct sighting before = { 0 };

	for (unsigned i = 0; i < n_steps; i++)
		while (a < steps[i].to_server || b < steps[i].to_client) {
			struct sighting early;

			if (a < steps[i].to_server)
				a++;
			else
				b++;
			early = look(a, b);
			check_early(&early, last);
			if (a < need_a && b < need_b) {
				assert_int_equal(early.ask, before.ask);
				assert_int_equal(early.answer, before.answer);
				assert_int_equal(early.state, before.state);
			}
			need_a = early.needs_to_server;
			need_b = early.needs_to_client;
			before = early;
			sighting_deinit(&early);
		}
}

static void check(uint16_t version, enum sighting_ask ask, enum sighting_answer answer,
		  uint8_t server_alert, uint8_t client_alert)
{
	struct sighting sighting;

	assert_int_equal(sighting_read(to_server.bytes, to_server.n, to_client.bytes, to_client.n,
				       &sighting),
			 0);
	assert_int_equal(sighting.state, SIGHTING_DONE);
	assert_true(sighting.has_hello);
	assert_string_equal(sighting.host, "www.example.com");
	assert_int_equal(sighting.version, version);
	assert_int_equal(sighting.ask, ask);
	assert_int_equal(sighting.answer, answer);
	assert_int_equal(sighting.server_alert, server_alert);
	assert_int_equal(sighting.client_alert, client_alert);
	check_growth(&sighting);
	if (ask == SIGHTING_ASKED) {
		struct certreq request;

		assert_int_equal(sighting_request(&sighting, &request), 0);
		assert_true(request.is_complete);
		assert_int_equal(request.n_names, 1);
		assert_string_equal(request.names[0], "CN=Client CA");
		certreq_deinit(&request);
	}
	if (ask == SIGHTING_ASKED || ask == SIGHTING_NOT_ASKED) {
		struct der chain[4], want = chain_der(server_leaf);

		assert_int_equal(sighting_chain(&sighting, chain, 4), 1);
		assert_int_equal(chain[0].n, want.n);
		assert_memory_equal(chain[0].bytes, want.bytes, want.n);
		OPENSSL_free((void *)want.bytes);
	}
	sighting_deinit(&sighting);
}

#define OLD "ALL:@SECLEVEL=0"

static void test_not_asked(void **state)
{
	(void)state;
	shake((struct recipe){ .version = TLS1_2_VERSION });
	check(0x0303, SIGHTING_NOT_ASKED, SIGHTING_NO_ANSWER, 0, 0);
	shake((struct recipe){ .version = TLS1_1_VERSION, .suites = OLD });
	check(0x0302, SIGHTING_NOT_ASKED, SIGHTING_NO_ANSWER, 0, 0);
}

static void test_certificate(void **state)
{
	const int versions[] = { TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION };

	(void)state;
	for (unsigned i = 0; i < N_OF(versions); i++) {
		struct recipe recipe = { .version = versions[i],
					 .suites = OLD,
					 .verify = SSL_VERIFY_PEER,
					 .has_certificate = true };

		shake(recipe);
		check((uint16_t)versions[i], SIGHTING_ASKED, SIGHTING_CERTIFICATE, 0, 0);
		recipe.record = 512; /* the least that OpenSSL takes */
		shake(recipe);
		check((uint16_t)versions[i], SIGHTING_ASKED, SIGHTING_CERTIFICATE, 0, 0);
	}
}

static bool is_accepted(void)
{
	struct sighting sighting = look(to_server.n, to_client.n);
	bool is = sighting.is_accepted;

	sighting_deinit(&sighting);
	return is;
}

static void test_empty(void **state)
{
	struct recipe recipe = { .version = TLS1_2_VERSION, .verify = SSL_VERIFY_PEER };

	(void)state;
	shake(recipe);
	check(0x0303, SIGHTING_ASKED, SIGHTING_EMPTY, 0, 0);
	assert_true(is_accepted());
	recipe.verify |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	shake(recipe);
	check(0x0303, SIGHTING_ASKED, SIGHTING_EMPTY, 40, 0);
	assert_false(is_accepted());
}

static void test_client_alert(void **state)
{
	struct recipe recipe = { .version = TLS1_2_VERSION, .trusts_nobody = true };

	(void)state;
	shake(recipe);
	check(0x0303, SIGHTING_NOT_ASKED, SIGHTING_NO_ANSWER, 0, 48);
	recipe.verify = SSL_VERIFY_PEER;
	shake(recipe);
	check(0x0303, SIGHTING_ASKED, SIGHTING_NO_ANSWER, 0, 48);
}

static void test_tls13(void **state)
{
	(void)state;
	shake((struct recipe){ .version = TLS1_3_VERSION });
	check(0x0304, SIGHTING_ENCRYPTED, SIGHTING_NO_ANSWER, 0, 0);
	shake((struct recipe){
		.version = TLS1_3_VERSION, .verify = SSL_VERIFY_PEER, .has_certificate = true });
	check(0x0304, SIGHTING_ENCRYPTED, SIGHTING_NO_ANSWER, 0, 0);
}

static void test_resumed(void **state)
{
	(void)state;
	shake((struct recipe){ .version = TLS1_2_VERSION, .twice = true });
	check(0x0303, SIGHTING_RESUMED, SIGHTING_NO_ANSWER, 0, 0);
}

/* The server refuses the hello. */
static void test_refused(void **state)
{
	struct sighting sighting;

	(void)state;
	shake((struct recipe){ .version = TLS1_2_VERSION });
	sighting = look(to_server.n, 0);
	assert_int_equal(sighting.state, SIGHTING_MORE);
	sighting_deinit(&sighting);
	to_client.n = 14;
	memcpy(to_client.bytes, "\x15\3\3\0\2\1\x70\x15\3\3\0\2\2\x28", 14); /* a warning before */
	sighting = look(to_server.n, to_client.n);
	assert_int_equal(sighting.state, SIGHTING_DONE);
	assert_int_equal(sighting.ask, SIGHTING_UNSEEN);
	assert_int_equal(sighting.version, 0);
	assert_int_equal(sighting.server_alert, 40);
	sighting_deinit(&sighting);
}

/* Each byte of the server's flight replaced: no harm, and nothing is made up of a broken hello. */
static void test_broken(void **state)
{
	(void)state;
	shake((struct recipe){
		.version = TLS1_2_VERSION, .verify = SSL_VERIFY_PEER, .has_certificate = true });
	for (size_t i = 0; i < to_client.n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			struct der chain[4];
			struct sighting sighting;
			struct certreq request;

			to_client.bytes[i] ^= (uint8_t)(1 << bit);
			sighting = look(to_server.n, to_client.n);
			(void)sighting_chain(&sighting, chain, 4);
			if (sighting.ask == SIGHTING_ASKED) {
				assert_int_equal(sighting_request(&sighting, &request), 0);
				certreq_deinit(&request);
			}
			if (i == 5) /* the type of its first message */
				assert_int_equal(sighting.ask, SIGHTING_UNSEEN);
			sighting_deinit(&sighting);
			to_client.bytes[i] ^= (uint8_t)(1 << bit);
		}
}

static void test_not_tls(void **state)
{
	static const struct {
		const char *text;
		enum sighting_state state;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n", SIGHTING_NOT_TLS },
		{ "SSH-2.0", SIGHTING_NOT_TLS },
		{ "\x16\x03\x01\x40\x01\x02", SIGHTING_UNREADABLE },
		{ "\x17\x03\x03", SIGHTING_UNREADABLE }, /* begins in the middle */
		{ "\x16\x03", SIGHTING_MORE },
		{ "", SIGHTING_MORE },
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(cases); i++) {
		struct sighting sighting;

		assert_int_equal(sighting_read((const uint8_t *)cases[i].text,
					       strlen(cases[i].text), NULL, 0, &sighting),
				 0);
		assert_int_equal(sighting.state, cases[i].state);
		assert_false(sighting.has_hello);
		assert_int_equal(sighting_chain(&sighting, NULL, 0), 0);
		sighting_deinit(&sighting);
	}
	sighting_deinit(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_asked), cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_empty),     cmocka_unit_test(test_client_alert),
		cmocka_unit_test(test_tls13),     cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_refused),   cmocka_unit_test(test_broken),
		cmocka_unit_test(test_not_tls),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
