/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our handshake with clients, which are OpenSSL's here, and a session's life after it. */
#include "test/unit/cmocka_all.h"

#include <openssl/err.h>

#include "test/unit/authority.h"
#include "test/unit/session.h"

static struct leaf_keys *keys;
static struct authority ca;
static struct leaf *leaves[N_LEAF_KEYS];

/* --- fixtures --- */

/* {u24 length, DER} of a leaf for the engine's key and of the CA's certificate. */
static struct leaf *make_leaf(enum leaf_key key)
{
	uint8_t chain[CHAIN_MAX];
	size_t n = authority_issue_own(&ca, keys, key, "DNS:www.example.com", chain);

	n = chain_put(ca.x509, chain, n);
	assert_null(leaf_new(keys, key, chain, n - 1));
	assert_null(leaf_new(keys, key, chain, 0));
	return leaf_new(keys, key, chain, n);
}

static int group_setup(void **state)
{
	(void)state;
	begin_sessions();
	keys = leaf_keys_new();
	assert_non_null(keys);
	authority_init(&ca, EVP_EC_gen("P-256"));
	for (enum leaf_key key = 0; key < N_LEAF_KEYS; key++) {
		leaves[key] = make_leaf(key);
		assert_non_null(leaves[key]);
	}
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (enum leaf_key key = 0; key < N_LEAF_KEYS; key++)
		leaf_free(leaves[key]);
	leaf_keys_free(keys);
	authority_deinit(&ca);
	end_sessions();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_session();
	return 0;
}

/* A client that trusts the CA and insists on the name. */
static void connect_client(int version)
{
	handshake_init(&h, TLS_client_method(), version);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(h.context), ca.x509);
	SSL_CTX_set_verify(h.context, SSL_VERIFY_PEER, NULL);
}

static void begin_client(void)
{
	handshake_start(&h);
	SSL_set_tlsext_host_name(h.peer, "www.example.com");
	SSL_set1_host(h.peer, "www.example.com");
}

enum { STRONGEST = 0xc030 }; /* of TLS 1.2: TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 */

/* The client's hello is peeked and taken off, and the session begins, as the engine does it. */
static enum leaf_key greet(uint16_t version, uint16_t suite, const char *alpn)
{
	static uint8_t bytes[HELLO_MAX], message[DOWNSTREAM_HELLO_MAX];
	struct session_facts facts = { .version = version, .suite = suite, .alpn = alpn };
	struct hello hello;
	struct downstream_offer offer = {
		.hello = &hello, .message = message, .limits = TLS_LIMITS_NONE, .upstream = &facts
	};
	enum leaf_key key;

	(void)SSL_do_handshake(h.peer);
	offer.message_length = handshake_take_hello(&h.sock, bytes, message, &hello);
	key = leaf_key_for(&hello, &offer.limits, &facts);
	offer.leaf = leaves[key];
	assert_int_equal(downstream_new(&h.sock, thread, &offer, &session), 0);
	memset(bytes, 0, sizeof(bytes)); /* nothing of it may be needed any more */
	memset(message, 0, sizeof(message));
	return key;
}

static enum downstream_result run(void)
{
	enum downstream_result result = shake_with_client();

	if (result == DOWNSTREAM_READY)
		assert_true(finish_peer());
	return result;
}

/* --- handshakes --- */

static void check_ready(int version, const char *sigalgs, enum leaf_key want)
{
	static const uint8_t alpn[] = "\x02h2\x08http/1.1";
	uint16_t suite = version == TLS1_3_VERSION ? 0x1303 : STRONGEST;
	struct session_facts facts;
	const uint8_t *chosen;
	unsigned n;

	connect_client(version);
	if (sigalgs)
		assert_int_equal(SSL_CTX_set1_sigalgs_list(h.context, sigalgs), 1);
	SSL_CTX_set_alpn_protos(h.context, alpn, sizeof(alpn) - 1);
	begin_client();
	assert_int_equal(greet((uint16_t)version, suite, "http/1.1"), want);
	assert_int_equal(run(), DOWNSTREAM_READY);
	assert_true(SSL_is_init_finished(h.peer));
	assert_int_equal(SSL_get_verify_result(h.peer), X509_V_OK);
	assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(SSL_get0_peer_certificate(h.peer))),
			 want == LEAF_KEY_EC ? EVP_PKEY_EC : EVP_PKEY_RSA);
	facts = session_facts(session);
	assert_int_equal(facts.version, version);
	assert_int_equal(facts.suite, SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(h.peer)));
	if (version == TLS1_3_VERSION)
		assert_int_equal(facts.suite, suite);
	assert_int_equal(facts.group, 29);
	assert_string_equal(facts.alpn, "http/1.1");
	SSL_get0_alpn_selected(h.peer, &chosen, &n);
	assert_int_equal(n, 8);
	teardown(NULL);
}

static void test_ready(void **state)
{
	(void)state;
	check_ready(TLS1_3_VERSION, NULL, LEAF_KEY_EC);
	check_ready(TLS1_2_VERSION, NULL, LEAF_KEY_EC);
	check_ready(TLS1_3_VERSION, "RSA-PSS+SHA256:RSA+SHA256", LEAF_KEY_RSA);
	check_ready(TLS1_2_VERSION, "RSA-PSS+SHA256:RSA+SHA256", LEAF_KEY_RSA);
	check_ready(TLS1_2_VERSION, "RSA+SHA256", LEAF_KEY_RSA);
}

/* In TLS 1.2 the suites say which key a client can verify. */
static void test_rsa_suites(void **state)
{
	static const char *const lists[] = { "ECDHE-RSA-AES128-GCM-SHA256", "AES128-SHA" };

	(void)state;
	for (unsigned i = 0; i < N_OF(lists); i++) {
		connect_client(TLS1_2_VERSION);
		SSL_CTX_set_cipher_list(h.context, lists[i]);
		begin_client();
		assert_int_equal(greet(TLS1_2_VERSION, STRONGEST, NULL), LEAF_KEY_RSA);
		assert_int_equal(run(), DOWNSTREAM_READY);
		assert_string_equal(SSL_get_cipher_name(h.peer), lists[i]);
		assert_null(session_facts(session).alpn);
		assert_int_equal(session_facts(session).group, i == 0 ? 29 : 0);
		teardown(NULL);
	}
}

/* --- early data under a key that is not ours --- */

static int offer_old_session(SSL *ssl, const EVP_MD *md, const uint8_t **ret_id, size_t *ret_n,
			     SSL_SESSION **ret_session)
{
	static const uint8_t key[32] = "whatever the real server knows..";
	static const uint8_t suite[] = { 0x13, 0x01 };
	SSL_SESSION *old = SSL_SESSION_new();

	(void)md;
	SSL_SESSION_set1_master_key(old, key, sizeof(key));
	SSL_SESSION_set_cipher(old, SSL_CIPHER_find(ssl, suite));
	SSL_SESSION_set_protocol_version(old, TLS1_3_VERSION);
	SSL_SESSION_set_max_early_data(old, 16384);
	*ret_id = (const uint8_t *)"ticket";
	*ret_n = 6;
	*ret_session = old;
	return 1;
}

static void test_early_data(void **state)
{
	static const uint8_t early[4000] = "GET / HTTP/1.1\r\n\r\n";
	uint8_t bytes[64];
	size_t n;

	(void)state;
	connect_client(TLS1_3_VERSION);
	SSL_CTX_set_psk_use_session_callback(h.context, offer_old_session);
	begin_client();
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(SSL_write_early_data(h.peer, early, sizeof(early), &n), 1);
	greet(TLS1_3_VERSION, 0x1301, NULL);
	assert_int_equal(run(), DOWNSTREAM_READY);
	assert_int_equal(SSL_get_early_data_status(h.peer), SSL_EARLY_DATA_REJECTED);
	assert_false(SSL_session_reused(h.peer));
	/* What was sent early is not taken for data; what is sent now is. */
	assert_int_equal(SSL_write(h.peer, "now", 3), 3);
	socks_await(h.sock.fd);
	socks_raise(&h.sock);
	assert_int_equal(session_read(session, bytes, sizeof(bytes), &n), SESSION_OK);
	assert_int_equal(n, 3);
	assert_memory_equal(bytes, "now", 3);
}

/* --- clients that do not go through with it --- */

static void test_refusing_client(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (unsigned i = 0; i < N_OF(versions); i++) {
		handshake_init(&h, TLS_client_method(), versions[i]);
		SSL_CTX_set_verify(h.context, SSL_VERIFY_PEER, NULL); /* knows no CA */
		begin_client();
		greet((uint16_t)versions[i], 0x1301, NULL);
		assert_int_equal(run(), DOWNSTREAM_ALERT);
		assert_int_equal(session_alert(session), 48);
		teardown(NULL);
	}
}

static void test_gone_client(void **state)
{
	uint8_t bytes[8192];

	(void)state;
	for (unsigned by_reset = 0; by_reset < 2; by_reset++) {
		connect_client(TLS1_3_VERSION);
		begin_client();
		greet(TLS1_3_VERSION, 0x1301, NULL);
		socks_raise(&h.sock);
		assert_int_equal(downstream_handshake(session), DOWNSTREAM_WAIT);
		socks_await(h.peer_fd);
		assert_true(recv(h.peer_fd, bytes, sizeof(bytes), 0) > 0);
		handshake_drop(&h, by_reset);
		assert_int_equal(run(), by_reset ? DOWNSTREAM_RESET : DOWNSTREAM_CLOSED);
		teardown(NULL);
	}
}

/* --- what only a client that breaks TLS, or a wire that was tampered with, gets to see --- */

/* Of what the client has received: the first record of that type, with its header. */
static const uint8_t *received_record(uint8_t type, uint8_t *bytes, size_t size)
{
	ssize_t n;

	socks_await(h.peer_fd);
	n = recv(h.peer_fd, bytes, size, 0);
	for (ssize_t at = 0; at + 7 <= n; at += 5 + (bytes[at + 3] << 8 | bytes[at + 4]))
		if (bytes[at] == type)
			return bytes + at;
	return NULL;
}

/* RFC 8446 section 4.1.3. */
static void test_downgrade_mark(void **state)
{
	static const struct {
		int max;
		bool is_marked;
	} rows[] = { { TLS1_2_VERSION, true }, { TLS1_3_VERSION, false } };
	static const uint8_t mark[] = { 'D', 'O', 'W', 'N', 'G', 'R', 'D', 1 };
	uint8_t random[32];

	(void)state;
	for (unsigned i = 0; i < N_OF(rows); i++) {
		connect_client(TLS1_2_VERSION);
		SSL_CTX_set_max_proto_version(h.context, rows[i].max);
		begin_client();
		greet(TLS1_2_VERSION, STRONGEST, NULL);
		assert_int_equal(run(), DOWNSTREAM_READY);
		assert_int_equal(SSL_version(h.peer), TLS1_2_VERSION);
		SSL_get_server_random(h.peer, random, sizeof(random));
		assert_int_equal(memcmp(random + 24, mark, sizeof(mark)) == 0, rows[i].is_marked);
		teardown(NULL);
	}
}

/* A share that is no point of the curve: an alert, though the library has none for it. */
static void test_bad_share(void **state)
{
	static const uint8_t exchange[] = { 22, 3, 3, 0, 7, 16, 0, 0, 3, 2, 4, 1 };
	uint8_t bytes[16384];
	const uint8_t *alert;

	(void)state;
	connect_client(TLS1_2_VERSION);
	SSL_CTX_set1_groups_list(h.context, "P-256");
	begin_client();
	greet(TLS1_2_VERSION, STRONGEST, NULL);
	socks_raise(&h.sock);
	assert_int_equal(downstream_handshake(session), DOWNSTREAM_WAIT);
	assert_non_null(received_record(22, bytes, sizeof(bytes)));
	assert_int_equal(send(h.peer_fd, exchange, sizeof(exchange), 0), sizeof(exchange));
	assert_int_equal(run(), DOWNSTREAM_TLS_ERROR);
	alert = received_record(21, bytes, sizeof(bytes));
	assert_non_null(alert);
	assert_int_equal(alert[5], 2);
	assert_true(alert[6] == 47 || alert[6] == 50); /* illegal_parameter, decode_error */
}

/* The alert for a bad Finished of TLS 1.3 comes under a key that the client still has. */
static void test_bad_finished(void **state)
{
	BIO *out = BIO_new(BIO_s_mem());
	uint8_t bytes[4096];
	int n;

	(void)state;
	connect_client(TLS1_3_VERSION);
	begin_client();
	greet(TLS1_3_VERSION, 0x1301, NULL);
	socks_raise(&h.sock);
	assert_int_equal(downstream_handshake(session), DOWNSTREAM_WAIT);
	socks_await(h.peer_fd);
	SSL_set0_wbio(h.peer, out);
	assert_int_equal(SSL_do_handshake(h.peer), 1); /* its own side is done */
	n = BIO_read(out, bytes, sizeof(bytes));
	assert_in_range(n, 30, 200);
	bytes[n - 1] ^= 1;
	assert_int_equal(send(h.peer_fd, bytes, (size_t)n, 0), n);
	socks_await(h.sock.fd);
	socks_raise(&h.sock);
	assert_int_equal(run(), DOWNSTREAM_TLS_ERROR);
	socks_await(h.peer_fd);
	ERR_clear_error();
	assert_true(SSL_read(h.peer, bytes, sizeof(bytes)) <= 0);
	assert_int_equal(ERR_GET_REASON(ERR_get_error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
}

/* --- a session's life --- */

static void be_ready(int version)
{
	connect_client(version);
	begin_client();
	greet((uint16_t)version, 0x1301, NULL);
	assert_int_equal(run(), DOWNSTREAM_READY);
}

/* The next thing that is not a wait. */
static enum session_io read_next(uint8_t *bytes, size_t size, size_t *ret_n)
{
	enum session_io io = SESSION_WAIT;

	for (unsigned i = 0; i < 2000 && io == SESSION_WAIT; i++) {
		if (!socks_raise(&h.sock) && i > 0)
			usleep(500);
		io = session_read(session, bytes, size, ret_n);
	}
	return io;
}

static void test_read(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	uint8_t bytes[16];
	size_t n;

	(void)state;
	for (unsigned i = 0; i < N_OF(versions); i++) {
		be_ready(versions[i]);
		n = 77;
		assert_int_equal(session_read(session, bytes, 16, &n), SESSION_WAIT);
		assert_int_equal(n, 77);
		assert_int_equal(SSL_write(h.peer, "hello, world", 12), 12);
		/* A record may be read in parts. */
		assert_int_equal(read_next(bytes, 5, &n), SESSION_OK);
		assert_int_equal(n, 5);
		assert_int_equal(session_read(session, bytes + 5, 11, &n), SESSION_OK);
		assert_int_equal(n, 7);
		assert_memory_equal(bytes, "hello, world", 12);
		assert_int_equal(session_read(session, bytes, 16, &n), SESSION_WAIT);
		teardown(NULL);
	}
}

/* Into a socket that takes little at a time; the client reads now and then. */
static void check_write(int version)
{
	static uint8_t sent[300000], got[sizeof(sent)];
	size_t n_sent = 0, n_got = 0, n;
	unsigned waits = 0;
	int size = 4096, r;

	be_ready(version);
	setsockopt(h.sock.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 31 + i / 256);
	while (n_got < sizeof(sent)) {
		enum session_io io = SESSION_OK;

		if (n_sent < sizeof(sent)) {
			socks_raise(&h.sock);
			io = session_write(session, sent + n_sent, sizeof(sent) - n_sent, &n);
			n_sent += io == SESSION_OK ? n : 0;
		} else {
			(void)session_close_notify(session);
			socks_raise(&h.sock);
		}
		(void)session_flush(session, SESSION_FLUSH_WRITTEN);
		assert_true(io == SESSION_OK || io == SESSION_WAIT);
		waits += io == SESSION_WAIT;
		r = SSL_read(h.peer, got + n_got, (int)(sizeof(got) - n_got));
		assert_true(r > 0 || SSL_get_error(h.peer, r) == SSL_ERROR_WANT_READ);
		n_got += r > 0 ? (size_t)r : 0;
	}
	assert_memory_equal(got, sent, sizeof(sent));
	assert_true(waits > 10); /* or this proved little */
	teardown(NULL);
}

static void test_write(void **state)
{
	(void)state;
	check_write(TLS1_2_VERSION);
	check_write(TLS1_3_VERSION);
}

/* close_notify waits behind what is still buffered, is sent once, and closes one way only. */
static void test_close_notify(void **state)
{
	static uint8_t block[16384];
	enum session_io io = SESSION_WAIT;
	uint8_t bytes[16];
	size_t n_sent = 0, n_got = 0, n;
	int r = 1;

	(void)state;
	be_ready(TLS1_3_VERSION);
	socks_raise(&h.sock);
	for (unsigned i = 0; i < 10000; i++) {
		if (session_write(session, block, sizeof(block), &n) != SESSION_OK)
			break;
		n_sent += n;
	}
	assert_int_equal(session_close_notify(session), SESSION_OK);
	assert_int_equal(session_flush(session, SESSION_FLUSH_WRITTEN), SESSION_WAIT);
	for (unsigned i = 0; i < 100000 && r != 0; i++) {
		if (io == SESSION_WAIT) {
			socks_raise(&h.sock);
			io = session_flush(session, SESSION_FLUSH_WRITTEN);
		}
		r = SSL_read(h.peer, block, sizeof(block));
		n_got += r > 0 ? (size_t)r : 0;
		if (r < 0 && SSL_get_error(h.peer, r) == SSL_ERROR_ZERO_RETURN)
			r = 0;
	}
	assert_int_equal(io, SESSION_OK);
	assert_int_equal(SSL_get_shutdown(h.peer), SSL_RECEIVED_SHUTDOWN);
	assert_int_equal(n_got, n_sent); /* what the socket had no room for as well */
	assert_int_equal(session_close_notify(session), SESSION_OK); /* nothing more is sent */
	assert_int_equal(session_flush(session, SESSION_FLUSH_WRITTEN), SESSION_OK);
	assert_int_equal(SSL_write(h.peer, "late", 4), 4);
	assert_int_equal(read_next(bytes, sizeof(bytes), &n), SESSION_OK);
	assert_int_equal(n, 4);
}

/* The three ways of going, each told for what it is. */
static void check_end(int version)
{
	uint8_t bytes[16];
	size_t n;

	be_ready(version); /* close_notify, and the FIN after it */
	assert_int_equal(SSL_write(h.peer, "bye", 3), 3);
	assert_true(SSL_shutdown(h.peer) >= 0);
	assert_int_equal(read_next(bytes, sizeof(bytes), &n), SESSION_OK);
	assert_int_equal(read_next(bytes, sizeof(bytes), &n), SESSION_CLOSED);
	assert_int_equal(session_read(session, bytes, sizeof(bytes), &n), SESSION_WAIT);
	shutdown(h.peer_fd, SHUT_WR);
	assert_int_equal(read_next(bytes, sizeof(bytes), &n), SESSION_TRUNCATED);
	assert_int_equal(read_next(bytes, sizeof(bytes), &n), SESSION_TRUNCATED);
	teardown(NULL);

	be_ready(version); /* FIN alone */
	assert_int_equal(SSL_write(h.peer, "bye", 3), 3);
	shutdown(h.peer_fd, SHUT_WR);
	assert_int_equal(read_next(bytes, sizeof(bytes), &n), SESSION_OK);
	assert_int_equal(n, 3);
	assert_int_equal(read_next(bytes, sizeof(bytes), &n), SESSION_TRUNCATED);
	/* One may still write the other way. */
	socks_raise(&h.sock);
	assert_int_equal(session_write(session, bytes, 3, &n), SESSION_OK);
	teardown(NULL);

	be_ready(version); /* FIN inside a record */
	assert_int_equal(send(h.peer_fd, "\x17\x03\x03\x00\x40xyz", 8, 0), 8);
	shutdown(h.peer_fd, SHUT_WR);
	assert_int_equal(read_next(bytes, sizeof(bytes), &n), SESSION_TRUNCATED);
	teardown(NULL);

	be_ready(version);
	handshake_drop(&h, true);
	assert_int_equal(read_next(bytes, sizeof(bytes), &n), SESSION_RESET);
	assert_string_equal(session_error(session), "Connection reset by peer");
	teardown(NULL);

	be_ready(version); /* a record that nobody sealed */
	assert_int_equal(send(h.peer_fd,
			      "\x17\x03\x03\x00\x20"
			      "0123456789abcdef0123456789abcdef",
			      37, 0),
			 37);
	assert_int_equal(read_next(bytes, sizeof(bytes), &n), SESSION_ERROR);
	assert_true(session_error(session)[0] != '\0');
	teardown(NULL);
}

static void test_ends(void **state)
{
	(void)state;
	check_end(TLS1_2_VERSION);
	check_end(TLS1_3_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
		TEST(test_ready),           TEST(test_rsa_suites),   TEST(test_early_data),
		TEST(test_refusing_client), TEST(test_gone_client),  TEST(test_read),
		TEST(test_write),           TEST(test_close_notify), TEST(test_ends),
		TEST(test_downgrade_mark),  TEST(test_bad_share),    TEST(test_bad_finished),
#undef TEST
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
