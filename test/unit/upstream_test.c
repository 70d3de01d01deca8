/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our handshake with servers, which are OpenSSL's here: what is offered, and what comes of it. */
#include "test/unit/cmocka_all.h"

#include "test/unit/authority.h"
#include "test/unit/session.h"

static struct authority ca;
static EVP_PKEY *ec_key, *rsa_key, *ed_key;
static X509 *leaf;

static struct hello hello;

/* --- fixtures --- */

static int group_setup(void **state)
{
	(void)state;
	begin_sessions();
	ec_key = EVP_EC_gen("P-256");
	rsa_key = EVP_RSA_gen(2048);
	ed_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	authority_init(&ca, EVP_EC_gen("P-256"));
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	authority_deinit(&ca);
	EVP_PKEY_free(ec_key);
	EVP_PKEY_free(rsa_key);
	EVP_PKEY_free(ed_key);
	end_sessions();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_session();
	X509_free(leaf);
	leaf = NULL;
	return 0;
}

/* A server of one version with a leaf for that key, and the CA's certificate behind it. */
static void serve(int version, EVP_PKEY *key, const char *sans)
{
	handshake_init(&h, TLS_server_method(), version);
	leaf = authority_issue(&ca, key, sans ? sans : "DNS:www.example.com");
	assert_int_equal(SSL_CTX_use_certificate(h.context, leaf), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(h.context, key), 1);
	assert_int_equal(SSL_CTX_add1_chain_cert(h.context, ca.x509), 1);
}

static void begin(const char *hello_name)
{
	hello = handshake_hello(hello_name);
	assert_true(upstream_is_possible(&hello, &TLS_LIMITS_NONE));
	assert_int_equal(upstream_new(&h.sock, thread, &hello, &TLS_LIMITS_NONE, &session), 0);
	handshake_start(&h);
}

static enum upstream_result prove(void)
{
	enum upstream_result result = upstream_prove(session);

	for (unsigned i = 0; i < HANDSHAKE_ROUNDS && result == UPSTREAM_WAIT; i++) {
		handshake_turn(&h);
		result = upstream_prove(session);
	}
	return result;
}

/* --- it works --- */

static int choose_http11(SSL *ssl, const uint8_t **ret_name, uint8_t *ret_n, const uint8_t *offered,
			 unsigned n, void *argument)
{
	(void)ssl;
	(void)argument;
	return SSL_select_next_proto((uint8_t **)ret_name, ret_n, (const uint8_t *)"\x08http/1.1",
				     9, offered, n) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void check_chain(void)
{
	X509 *const want[] = { leaf, ca.x509 };
	struct der chain[4];

	assert_int_equal(upstream_chain(session, chain, 1), 1);
	assert_int_equal(upstream_chain(session, chain, 4), 2);
	for (unsigned i = 0; i < 2; i++) {
		struct der der = chain_der(want[i]);

		assert_int_equal(chain[i].n, der.n);
		assert_memory_equal(chain[i].bytes, der.bytes, der.n);
		OPENSSL_free((void *)der.bytes);
	}
}

static void check_ready(int version, EVP_PKEY *key, const char *groups, uint16_t group)
{
	struct session_facts facts;

	serve(version, key, NULL);
	SSL_CTX_set1_groups_list(h.context, groups);
	SSL_CTX_set_alpn_select_cb(h.context, choose_http11, NULL);
	begin("curl");
	assert_int_equal(shake_with_server(), UPSTREAM_READY);
	check_chain();
	assert_true(finish_peer());
	facts = session_facts(session);
	assert_int_equal(facts.version, version);
	assert_int_equal(facts.suite, SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(h.peer)));
	assert_string_equal(facts.cipher, SSL_CIPHER_standard_name(SSL_get_current_cipher(h.peer)));
	assert_int_equal(facts.group, group);
	assert_string_equal(facts.alpn, "http/1.1");
	assert_string_equal(SSL_get_servername(h.peer, TLSEXT_NAMETYPE_host_name),
			    "www.example.com");
	assert_null(upstream_request(session));
	teardown(NULL);
}

static void test_ready(void **state)
{
	(void)state;
	check_ready(TLS1_3_VERSION, ec_key, "X25519:P-256", 29);
	check_ready(TLS1_3_VERSION, rsa_key, "P-256", 23); /* by HelloRetryRequest */
	check_ready(TLS1_3_VERSION, ec_key, "P-521", 25);  /* the same */
	check_ready(TLS1_2_VERSION, ec_key, "X25519", 29);
	check_ready(TLS1_2_VERSION, rsa_key, "P-384", 24);
}

/* A TLS 1.2 server may sign with RSASSA-PSS when a hello for both versions has offered it. */
static void test_pss(void **state)
{
	const uint64_t preferences[] = { 0, SSL_OP_CIPHER_SERVER_PREFERENCE };
	const char *const suites[] = { "ECDHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256" };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		int nid;

		serve(TLS1_2_VERSION, rsa_key, NULL);
		SSL_CTX_set_options(h.context, preferences[i / 2]);
		SSL_CTX_set_dh_auto(h.context, 1);
		assert_int_equal(SSL_CTX_set_cipher_list(h.context, suites[i % 2]), 1);
		begin("openssl");
		assert_int_equal(shake_with_server(), UPSTREAM_READY);
		assert_int_equal(SSL_get_signature_type_nid(h.peer, &nid), 1);
		assert_int_equal(nid, EVP_PKEY_RSA_PSS);
		teardown(NULL);
	}
}

/* RSA key exchange and DHE have no group. */
static void test_no_group(void **state)
{
	static const struct {
		const char *suite;
		uint16_t code;
	} cases[] = { { "AES128-SHA256", 0x003c },
		      { "DHE-RSA-AES128-GCM-SHA256", 0x009e },
		      { "ECDHE-RSA-CHACHA20-POLY1305", 0xcca8 } };

	(void)state;
	for (unsigned i = 0; i < N_OF(cases); i++) {
		serve(TLS1_2_VERSION, rsa_key, NULL);
		assert_int_equal(SSL_CTX_set_cipher_list(h.context, cases[i].suite), 1);
		SSL_CTX_set_dh_auto(h.context, 1);
		begin("curl");
		assert_int_equal(shake_with_server(), UPSTREAM_READY);
		assert_int_equal(session_facts(session).suite, cases[i].code);
		assert_int_equal(session_facts(session).group, cases[i].code == 0xcca8 ? 29 : 0);
		assert_null(session_facts(session).alpn);
		teardown(NULL);
	}
}

/* --- the server asks for a certificate --- */

static void ask(unsigned n_names, int mode)
{
	name_authorities(n_names);
	SSL_CTX_set_verify(h.context, SSL_VERIFY_PEER | mode, NULL);
}

/* What is on its way to the server and was not read; after a moment in which it could arrive. */
static size_t unread(void)
{
	uint8_t bytes[4096];
	ssize_t n;

	usleep(2000);
	n = recv(h.peer_fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	return n > 0 ? (size_t)n : 0;
}

/* Our hello as it lies in the server's socket, before the server looks. */
static size_t read_hello(struct hello *ret_hello)
{
	static uint8_t bytes[HELLO_MAX];
	ssize_t n;

	socks_raise(&h.sock);
	assert_int_equal(upstream_handshake(session), UPSTREAM_WAIT);
	socks_await(h.peer_fd);
	n = recv(h.peer_fd, bytes, sizeof(bytes), MSG_PEEK);
	assert_true(n > 0);
	assert_int_equal(hello_parse(bytes, (size_t)n, ret_hello), HELLO_WHOLE);
	assert_int_equal(ret_hello->wire_length, n);
	return (size_t)n;
}

static void check_request(int version, unsigned n_names)
{
	const struct certreq *request;
	struct hello ours;
	size_t n;

	serve(version, ec_key, NULL);
	ask(n_names, 0);
	begin("curl");
	n = read_hello(&ours);
	assert_int_equal(shake_with_server(), UPSTREAM_WANTS_CERTIFICATE);
	/* The server got one hello and not a byte more. */
	assert_int_equal(BIO_number_read(SSL_get_rbio(h.peer)) + unread(), n);
	assert_int_equal(session_facts(session).version, version);
	request = upstream_request(session);
	assert_non_null(request);
	assert_true(request->is_complete);
	assert_int_equal(request->n_names, n_names);
	if (n_names > 1)
		assert_memory_equal(request->names[1], "CN=Client CA 1", 14);
	/* To call on is to answer with an empty certificate. */
	assert_int_equal(shake_with_server(), UPSTREAM_READY);
	check_chain();
	assert_true(finish_peer());
	assert_null(SSL_get0_peer_certificate(h.peer));
	assert_ptr_equal(upstream_request(session), request);
	teardown(NULL);
}

static void test_request(void **state)
{
	(void)state;
	check_request(TLS1_2_VERSION, 2);
	check_request(TLS1_2_VERSION, 0);
	check_request(TLS1_3_VERSION, 2);
	check_request(TLS1_3_VERSION, 0);
	check_request(TLS1_3_VERSION, 150);
}

/* All that the server says in its first flight is read, and nothing is said to it. */
static void test_proof(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct hello ours;
	size_t n;

	(void)state;
	for (unsigned i = 0; i < N_OF(versions); i++) {
		serve(versions[i], ec_key, NULL);
		ask(2, 0);
		begin("curl");
		n = read_hello(&ours);
		assert_int_equal(shake_with_server(), UPSTREAM_WANTS_CERTIFICATE);
		assert_int_equal(prove(), UPSTREAM_PROVEN);
		assert_int_equal(prove(), UPSTREAM_PROVEN); /* nor is anything sent by asking */
		assert_int_equal(BIO_number_read(SSL_get_rbio(h.peer)) + unread(), n);
		check_chain();
		/* To call on is to answer with an empty certificate, as without the proof. */
		assert_int_equal(shake_with_server(), UPSTREAM_READY);
		check_chain();
		assert_true(finish_peer());
		teardown(NULL);
	}
}

/* After HelloRetryRequest there were two hellos, and still nothing else. */
static void test_request_after_retry(void **state)
{
	size_t n;
	struct hello ours;

	(void)state;
	serve(TLS1_3_VERSION, ec_key, NULL);
	SSL_CTX_set1_groups_list(h.context, "P-384");
	ask(1, 0);
	begin("curl");
	n = read_hello(&ours);
	assert_int_equal(shake_with_server(), UPSTREAM_WANTS_CERTIFICATE);
	/* The second is larger by the share's difference, and has a ChangeCipherSpec before it. */
	assert_in_range(BIO_number_read(SSL_get_rbio(h.peer)) + unread(), 2 * n, 2 * n + 100);
	assert_int_equal(session_facts(session).group, 24);
	assert_int_equal(upstream_request(session)->n_names, 1);
}

/* A request beyond what the library can hold is seen all the same. */
static void test_large_request(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (unsigned i = 0; i < N_OF(versions); i++) {
		serve(versions[i], ec_key, NULL);
		ask(300, 0);
		begin("curl");
		assert_int_equal(shake_with_server(), UPSTREAM_WANTS_CERTIFICATE);
		assert_non_null(upstream_request(session));
		assert_int_not_equal(prove(), UPSTREAM_PROVEN); /* it cannot read on */
		teardown(NULL);
	}
}

/* A server that insists: in TLS 1.2 the handshake fails, in TLS 1.3 the alert comes after it. */
static void test_insisting(void **state)
{
	enum session_io io = SESSION_WAIT;
	uint8_t bytes[16];
	size_t n;

	(void)state;
	serve(TLS1_2_VERSION, ec_key, NULL);
	ask(1, SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
	begin("curl");
	assert_int_equal(shake_with_server(), UPSTREAM_WANTS_CERTIFICATE);
	assert_int_equal(shake_with_server(), UPSTREAM_REFUSED_OFFER);
	assert_int_equal(session_alert(session), 40);
	teardown(NULL);
	serve(TLS1_3_VERSION, ec_key, NULL);
	ask(1, SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
	begin("curl");
	assert_int_equal(shake_with_server(), UPSTREAM_WANTS_CERTIFICATE);
	assert_int_equal(shake_with_server(), UPSTREAM_READY);
	(void)finish_peer(); /* which refuses */
	for (unsigned i = 0; i < 1000 && io == SESSION_WAIT; i++) {
		io = session_read(session, bytes, sizeof(bytes), &n);
	}
	assert_int_equal(io, SESSION_ALERT);
	assert_int_equal(session_alert(session), 116);
}

/* --- it does not work --- */

static void test_refused(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	serve(TLS1_2_VERSION, ec_key, NULL);
	SSL_CTX_set_cipher_list(h.context, "aRSA"); /* with an EC certificate */
	begin("curl");
	assert_int_equal(shake_with_server(), UPSTREAM_REFUSED_OFFER);
	assert_int_equal(session_alert(session), 40);
	teardown(NULL);
	for (unsigned i = 0; i < N_OF(versions); i++) {
		serve(versions[i], ed_key, NULL);
		begin("curl");
		assert_int_equal(shake_with_server(), UPSTREAM_REFUSED_OFFER);
		assert_int_equal(session_alert(session), 40);
		teardown(NULL);
	}
}

static void test_legacy(void **state)
{
	static const char *const hellos[] = { "curl", "curl_tls12" };

	(void)state;
	for (unsigned i = 0; i < N_OF(hellos); i++) {
		serve(TLS1_1_VERSION, rsa_key, NULL);
		SSL_CTX_set_cipher_list(h.context, "ALL:@SECLEVEL=0");
		begin(hellos[i]);
		assert_int_equal(shake_with_server(), UPSTREAM_LEGACY_TLS);
		teardown(NULL);
	}
}

static void test_large_certificate(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	static char sans[32768];
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; n < 20000; i++)
		n += (size_t)sprintf(sans + n, "%sDNS:host-%u.example", i ? "," : "", i);
	for (unsigned i = 0; i < N_OF(versions); i++) {
		serve(versions[i], ec_key, sans);
		begin("curl");
		assert_int_equal(shake_with_server(), UPSTREAM_MESSAGE_TOO_LARGE);
		teardown(NULL);
	}
}

/* The server goes, before its first byte or in the middle of its flight. */
static void check_gone(bool by_reset, const void *last, size_t n, enum upstream_result want)
{
	struct hello ours;
	uint8_t bytes[4096];

	serve(TLS1_3_VERSION, ec_key, NULL);
	begin("curl");
	read_hello(&ours);
	if (!by_reset) /* what is unread would make a reset of the FIN */
		assert_true(recv(h.peer_fd, bytes, sizeof(bytes), 0) > 0);
	if (n > 0)
		assert_int_equal(send(h.peer_fd, last, n, 0), n);
	handshake_drop(&h, by_reset);
	assert_int_equal(shake_with_server(), want);
	teardown(NULL);
}

static void test_gone(void **state)
{
	static const uint8_t cut[] = { 22, 3, 3, 0, 90, 2, 0, 0, 86, 3, 3 };
	static const uint8_t close_notify[] = { 21, 3, 3, 0, 2, 1, 0 };
	static const uint8_t refusal[] = { 21, 3, 3, 0, 2, 2, 112 };
	static const uint8_t version[] = { 21, 3, 3, 0, 2, 2, 70 };

	(void)state;
	check_gone(false, NULL, 0, UPSTREAM_CLOSED);
	check_gone(false, cut, sizeof(cut), UPSTREAM_CLOSED);
	check_gone(false, close_notify, sizeof(close_notify), UPSTREAM_CLOSED);
	check_gone(true, NULL, 0, UPSTREAM_RESET);
	check_gone(true, cut, sizeof(cut), UPSTREAM_RESET);
	check_gone(false, refusal, sizeof(refusal), UPSTREAM_REFUSED_OFFER);
	check_gone(false, version, sizeof(version), UPSTREAM_LEGACY_TLS);
	check_gone(false, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, UPSTREAM_TLS_ERROR);
	check_gone(false, "SSH-2.0-x\r\n", 11, UPSTREAM_TLS_ERROR);
}

/* --- what is offered --- */

enum { EMPTY_RENEGOTIATION_INFO = 0x00ff };

static bool has_suite(const struct hello *of, uint16_t suite)
{
	for (unsigned i = 0; i < of->n_suites; i++)
		if (of->suites[i] == suite)
			return true;
	return suite == EMPTY_RENEGOTIATION_INFO; /* a signal, not a suite */
}

static void check_list(const struct hello_list *ours, const struct hello_list *theirs)
{
	for (unsigned i = 0; i < ours->n; i++)
		assert_true(hello_offers(theirs, ours->at[i]));
}

static void check_offer(const char *name)
{
	struct hello ours;

	handshake_init(&h, TLS_server_method(), TLS1_3_VERSION);
	begin(name);
	read_hello(&ours);
	assert_in_range(ours.n_suites, 2, hello.n_suites + 1);
	for (unsigned i = 0; i < ours.n_suites; i++)
		assert_true(has_suite(&hello, ours.suites[i]));
	assert_true(ours.groups.n > 0 && ours.signature_algorithms.n > 0);
	check_list(&ours.groups, &hello.groups);
	check_list(&ours.key_shares, &hello.groups);
	check_list(&ours.signature_algorithms, &hello.signature_algorithms);
	assert_int_equal(hello_version_max(&ours), hello_version_max(&hello));
	assert_true(hello_version_min(&ours) >= 0x0303);
	assert_true(hello_version_min(&ours) >= hello_version_min(&hello));
	assert_int_equal(ours.alpn_length, hello.alpn_length);
	assert_memory_equal(ours.alpn, hello.alpn, hello.alpn_length);
	assert_string_equal(ours.host, hello.host);
	assert_int_equal(ours.has_sni, hello.has_sni);
	assert_false(ours.has_ticket || ours.has_psk || ours.has_early_data);
	assert_false(ours.has_post_handshake_auth || ours.has_ech);
	teardown(NULL);
}

static void test_offer(void **state)
{
	static const char *const names[] = {
		"chromium", "curl",      "curl_no_sni", "curl_tls12",         "gnutls",
		"node",     "nss",       "openssl",     "openssl_early_data", "openssl_ticket12",
		"python",   "python_pha"
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(names); i++)
		check_offer(names[i]);
}

static void set_list(struct hello_list *list, uint16_t code)
{
	list->n = 1;
	list->at[0] = code;
}

/* With nothing in common there is nothing to offer, and never more than was asked for. */
static void test_impossible(void **state)
{
	struct hello other;

	(void)state;
	hello = handshake_hello("openssl_tls11");
	assert_false(upstream_is_possible(&hello, &TLS_LIMITS_NONE));
	hello = handshake_hello("curl");
	assert_true(upstream_is_possible(&hello, &TLS_LIMITS_NONE));
	other = hello;
	set_list(&other.groups, 4588); /* post-quantum only */
	assert_false(upstream_is_possible(&other, &TLS_LIMITS_NONE));
	other = hello;
	set_list(&other.signature_algorithms, 0x0807); /* Ed25519 only */
	assert_false(upstream_is_possible(&other, &TLS_LIMITS_NONE));
	other = hello;
	other.n_suites = 1;
	other.suites[0] = 0x0a0a;
	assert_false(upstream_is_possible(&other, &TLS_LIMITS_NONE));
	/* TLS 1.3 alone with a suite of TLS 1.2, and the reverse. */
	other = hello;
	set_list(&other.versions, 0x0304);
	other.n_suites = 1;
	other.suites[0] = 0xc02f;
	assert_false(upstream_is_possible(&other, &TLS_LIMITS_NONE));
	set_list(&other.versions, 0x0303);
	assert_true(upstream_is_possible(&other, &TLS_LIMITS_NONE));
	other.suites[0] = 0x1301;
	assert_false(upstream_is_possible(&other, &TLS_LIMITS_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
		TEST(test_ready),         TEST(test_pss),        TEST(test_no_group),
		TEST(test_request),       TEST(test_proof),      TEST(test_request_after_retry),
		TEST(test_large_request), TEST(test_insisting),  TEST(test_refused),
		TEST(test_legacy),        TEST(test_gone),       TEST(test_large_certificate),
		TEST(test_offer),         TEST(test_impossible),
#undef TEST
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
