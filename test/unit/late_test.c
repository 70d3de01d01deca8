/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers that ask for a certificate inside the session; they are OpenSSL's. */
#include "test/unit/cmocka_all.h"

#include "test/unit/session.h"

static EVP_PKEY *key;
static X509 *leaf;

/* --- fixtures --- */

static int group_setup(void **state)
{
	struct chain_recipe recipe = { .name = "www.example.com" };

	(void)state;
	begin_sessions();
	key = EVP_EC_gen("P-256");
	recipe.key = recipe.signer = key;
	leaf = chain_make(&recipe);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	X509_free(leaf);
	EVP_PKEY_free(key);
	end_sessions();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_session();
	return 0;
}

/* A session whose handshake is done on both sides. */
static void open_session(int version, const char *hello_name, bool hears)
{
	struct hello hello = handshake_hello(hello_name);

	handshake_init(&h, TLS_server_method(), version);
	assert_int_equal(SSL_CTX_use_certificate(h.context, leaf), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(h.context, key), 1);
	name_authorities(2);
	assert_int_equal(upstream_new(&h.sock, thread, &hello, &TLS_LIMITS_NONE, &session), 0);
	if (hears)
		upstream_hear_late(session);
	handshake_start(&h);
	assert_int_equal(shake_with_server(), UPSTREAM_READY);
	assert_true(finish_peer());
	assert_null(upstream_request(session));
}

static enum session_io read_some(char text[16])
{
	enum session_io io = SESSION_WAIT;
	size_t n = 0;

	for (unsigned i = 0; i < 1000 && io == SESSION_WAIT; i++) {
		if (!socks_raise(&h.sock))
			usleep(200);
		io = session_read(session, (uint8_t *)text, 15, &n);
	}
	text[n] = '\0';
	return io;
}

/* What came to the server's socket; after a moment in which it could arrive. */
static size_t received(void)
{
	uint8_t bytes[512];
	ssize_t n;

	usleep(5000);
	n = recv(h.peer_fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	return n > 0 ? (size_t)n : 0;
}

static void renegotiate(void)
{
	assert_int_equal(SSL_renegotiate(h.peer), 1);
	assert_int_equal(SSL_do_handshake(h.peer), 1); /* which is the HelloRequest alone */
}

static void authenticate(int want)
{
	SSL_set_verify(h.peer, SSL_VERIFY_PEER, NULL);
	assert_int_equal(SSL_verify_client_post_handshake(h.peer), want);
	if (want == 1)
		(void)SSL_do_handshake(h.peer);
}

/* It has asked: nothing was said to it, nor will be. */
static void check_late(unsigned n_names)
{
	char text[16];
	size_t n;

	assert_int_equal(read_some(text), SESSION_OK);
	assert_string_equal(text, "before");
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(read_some(text), SESSION_WANTS_CERTIFICATE);
	assert_true(upstream_is_late(session));
	assert_non_null(upstream_request(session));
	assert_int_equal(upstream_request(session)->n_names, n_names);
	assert_int_equal(session_write(session, (const uint8_t *)"x", 1, &n), SESSION_WAIT);
	assert_int_equal(session_close_notify(session), SESSION_WAIT);
	assert_int_equal(received(), 0);
}

/* --- TLS 1.2 --- */

static void test_renegotiation(void **state)
{
	static const char *const hellos[] = { "curl", "gnutls", "chromium", "curl_tls12" };

	(void)state;
	for (unsigned i = 0; i < sizeof(hellos) / sizeof(hellos[0]); i++) {
		open_session(TLS1_2_VERSION, hellos[i], true);
		assert_int_equal(SSL_write(h.peer, "before", 6), 6);
		renegotiate();
		check_late(0);
		teardown(NULL);
	}
}

/* The library's own answer, and the session goes on. */
static void test_renegotiation_unheard(void **state)
{
	char text[16];

	(void)state;
	open_session(TLS1_2_VERSION, "curl", false);
	renegotiate();
	assert_int_equal(SSL_write(h.peer, "after", 5), 5);
	assert_int_equal(read_some(text), SESSION_OK);
	assert_string_equal(text, "after");
	assert_false(upstream_is_late(session));
	assert_null(upstream_request(session));
	assert_true(received() > 0);
}

/* With output pending, that waits as well. */
static void test_renegotiation_with_output(void **state)
{
	enum session_io io = SESSION_OK;
	static uint8_t bytes[16384];
	char text[16];
	size_t n;

	(void)state;
	open_session(TLS1_2_VERSION, "curl", true);
	while (io == SESSION_OK)
		io = session_write(session, bytes, sizeof(bytes), &n);
	assert_int_equal(io, SESSION_WAIT);
	renegotiate();
	while (SSL_read(h.peer, bytes, sizeof(bytes)) > 0)
		;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(read_some(text), SESSION_WANTS_CERTIFICATE);
	assert_int_equal(received(), 0);
}

/* What is not under the session's keys counts for nothing: it could be anybody's. */
static void test_forged(void **state)
{
	static const uint8_t hello_request[] = { 22, 3, 3, 0, 4, 0, 0, 0, 0 };
	char text[16];

	(void)state;
	open_session(TLS1_2_VERSION, "curl", true);
	assert_int_equal(send(h.peer_fd, hello_request, sizeof(hello_request), 0),
			 sizeof(hello_request));
	assert_int_equal(read_some(text), SESSION_ERROR);
	assert_false(upstream_is_late(session));
}

/* --- TLS 1.3 --- */

static void test_post_handshake(void **state)
{
	static const unsigned counts[] = { 2, 0, 150 };

	(void)state;
	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		open_session(TLS1_3_VERSION, "curl", true);
		name_authorities(counts[i]);
		assert_int_equal(SSL_write(h.peer, "before", 6), 6);
		authenticate(1);
		check_late(counts[i]);
		teardown(NULL);
	}
}

/* Beyond what the library can hold: that it asked is seen, whom it names is not. */
static void test_large(void **state)
{
	static const unsigned named[] = { 300, 600 }, read[] = { 300, 0 };

	for (unsigned i = 0; i < 2; i++) {
		teardown(state);
		open_session(TLS1_3_VERSION, "python_pha", true);
		name_authorities(named[i]);
		assert_int_equal(SSL_write(h.peer, "before", 6), 6);
		authenticate(1);
		check_late(read[i]);
	}
}

/* A second hello offers it as the first did (RFC 8446 section 4.1.2). */
static void test_after_retry(void **state)
{
	struct hello hello = handshake_hello("curl");
	uint8_t bytes[HELLO_MAX];
	struct hello ours;
	ssize_t n;

	(void)state;
	handshake_init(&h, TLS_server_method(), TLS1_3_VERSION);
	SSL_CTX_set1_groups_list(h.context, "P-521");
	assert_int_equal(SSL_CTX_use_certificate(h.context, leaf), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(h.context, key), 1);
	assert_int_equal(upstream_new(&h.sock, thread, &hello, &TLS_LIMITS_NONE, &session), 0);
	upstream_hear_late(session);
	handshake_start(&h);
	socks_raise(&h.sock);
	assert_int_equal(upstream_handshake(session), UPSTREAM_WAIT);
	for (unsigned i = 0; i < 2; i++) {
		size_t at = i == 0 ? 0 : 6; /* ChangeCipherSpec */

		socks_await(h.peer_fd);
		n = recv(h.peer_fd, bytes, sizeof(bytes), MSG_PEEK);
		assert_true(n > (ssize_t)at);
		assert_int_equal(hello_parse(bytes + at, (size_t)n - at, &ours), HELLO_WHOLE);
		assert_true(ours.has_post_handshake_auth);
		handshake_turn(&h);
		socks_await(h.sock.fd);
		socks_raise(&h.sock);
		if (i == 0)
			assert_int_equal(upstream_handshake(session), UPSTREAM_WAIT);
	}
}

/* Who was not offered it cannot ask. */
static void test_not_offered(void **state)
{
	static const struct {
		const char *hello;
		bool hears;
	} cases[] = { { "curl", false }, { "chromium", true }, { "gnutls", true } };
	char text[16];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_session(TLS1_3_VERSION, cases[i].hello, cases[i].hears);
		authenticate(0);
		assert_int_equal(SSL_write(h.peer, "after", 5), 5);
		assert_int_equal(read_some(text), SESSION_OK);
		assert_string_equal(text, "after");
		teardown(NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
		TEST(test_renegotiation),
		TEST(test_renegotiation_unheard),
		TEST(test_renegotiation_with_output),
		TEST(test_forged),
		TEST(test_post_handshake),
		TEST(test_large),
		TEST(test_after_retry),
		TEST(test_not_offered),
#undef TEST
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
