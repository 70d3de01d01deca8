/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole handshakes of both faces, and bytes both ways, with OpenSSL and with GnuTLS: every group,
 * version, suite and kind of certificate that the engine speaks. The same code at both ends would
 * hide its own errors; GnuTLS shares no arithmetic with either of the engine's providers.
 */
#include "test/unit/cmocka_all.h"

#include "test/unit/authority.h"
#include "test/unit/handshake.h"
#include "test/unit/peer.h"
#include "tls/downstream.h"
#include "tls/upstream.h"

enum { BYTES = 40000 }; /* some records, the last of them not full */

static const uint16_t group_codes[N_PEER_GROUPS] = { 29, 23, 24, 25, 30, 256, 257 };
static const uint16_t suite_codes[N_PEER_CIPHERS] = { 0x1301, 0x1302, 0x1303, 0 };

static struct tls_thread *thread;
static struct leaf_keys *keys;
static struct authority ca;

/* Of servers: P-256, P-384 and RSA-2048; of the engine, in the same order, without the second. */
enum { SERVER_P256, SERVER_P384, SERVER_RSA, N_SERVERS };
static EVP_PKEY *server_keys[N_SERVERS];
static X509 *server_leaves[N_SERVERS];
static struct leaf *leaves[N_LEAF_KEYS];

static struct sock sock;
static int peer_fd;
static struct peer *peer;
static struct session *session;
static char text[96]; /* the way that is being tried */

/* --- fixtures --- */

static int group_setup(void **state)
{
	static const char sans[] = "DNS:www.example.com";

	(void)state;
	assert_int_equal(tls_init(), 0);
	thread = tls_thread_new();
	keys = leaf_keys_new();
	/* RSA, as a client that takes nothing else must be able to verify all of it */
	authority_init(&ca, EVP_RSA_gen(2048));
	server_keys[SERVER_P256] = EVP_EC_gen("P-256");
	server_keys[SERVER_P384] = EVP_EC_gen("P-384");
	server_keys[SERVER_RSA] = EVP_RSA_gen(2048);
	for (unsigned i = 0; i < N_SERVERS; i++)
		server_leaves[i] = authority_issue(&ca, server_keys[i], sans);
	for (enum leaf_key key = 0; key < N_LEAF_KEYS; key++) {
		uint8_t chain[CHAIN_MAX];
		size_t n = authority_issue_own(&ca, keys, key, sans, chain);

		leaves[key] = leaf_new(keys, key, chain, n);
	}
	return thread && keys ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	if (text[0])
		print_message("failed with: %s\n", text);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (enum leaf_key key = 0; key < N_LEAF_KEYS; key++)
		leaf_free(leaves[key]);
	for (unsigned i = 0; i < N_SERVERS; i++) {
		X509_free(server_leaves[i]);
		EVP_PKEY_free(server_keys[i]);
	}
	authority_deinit(&ca);
	leaf_keys_free(keys);
	tls_thread_free(thread);
	tls_deinit();
	return 0;
}

static void begin(const struct peer_way *way)
{
	int fds[2];

	snprintf(text, sizeof(text), "library %u, version %#x, group %u, cipher %u, signature %u",
		 way->library, (unsigned)way->version, way->group, way->cipher, way->signature);

	socks_tcp_pair(fds);
	sock = (struct sock){ .fd = fds[0] };
	peer_fd = fds[1];
}

static void end(void)
{
	text[0] = '\0';
	session_free(session);
	peer_free(peer);
	sock_close(&sock);
	close(peer_fd);
	session = NULL;
	peer = NULL;
}

static void pause_unless_raised(void)
{
	if (!socks_raise(&sock))
		usleep(100);
}

/* --- bytes both ways --- */

static void receive_all(void)
{
	static uint8_t sent[BYTES], got[BYTES];
	size_t n_sent = 0, n_got = 0, n;

	for (size_t i = 0; i < BYTES; i++)
		sent[i] = (uint8_t)(i * 7 + i / 251);
	for (unsigned i = 0; i < HANDSHAKE_ROUNDS && n_got < BYTES; i++) {
		size_t want = BYTES - n_sent < 5000 ? BYTES - n_sent : 5000;
		ssize_t r = want > 0 ? peer_write(peer, sent + n_sent, want) : 0;

		n_sent += r > 0 ? (size_t)r : 0;
		pause_unless_raised();
		while (session_read(session, got + n_got, BYTES - n_got, &n) == SESSION_OK &&
		       n_got < BYTES)
			n_got += n;
	}
	assert_int_equal(n_got, BYTES);
	assert_memory_equal(got, sent, BYTES);
}

static void send_all(void)
{
	static uint8_t sent[BYTES], got[BYTES];
	size_t n_sent = 0, n_got = 0, n;
	ssize_t r;

	for (size_t i = 0; i < BYTES; i++)
		sent[i] = (uint8_t)(i * 11 + i / 253);
	for (unsigned i = 0; i < HANDSHAKE_ROUNDS && n_got < BYTES; i++) {
		if (n_sent < BYTES &&
		    session_write(session, sent + n_sent, BYTES - n_sent, &n) == SESSION_OK)
			n_sent += n;
		(void)session_flush(session, SESSION_FLUSH_WRITTEN);
		while (n_got < BYTES && (r = peer_read(peer, got + n_got, BYTES - n_got)) > 0)
			n_got += (size_t)r;
		pause_unless_raised();
	}
	assert_int_equal(n_got, BYTES);
	assert_memory_equal(got, sent, BYTES);
}

/* --- the engine as client --- */

static void check_upstream(const struct peer_way *way, unsigned server)
{
	struct peer_identity identity = { server_leaves[server], ca.x509, server_keys[server] };
	struct hello hello = handshake_hello("openssl");
	enum upstream_result result = UPSTREAM_WAIT;

	begin(way);
	/* The one group, so that its share is sent at once; TLS 1.2 signs with the other. */
	hello.groups.n = way->version == TLS1_2_VERSION && way->group != PEER_P256 ? 2 : 1;
	hello.groups.at[0] = group_codes[way->group];
	hello.groups.at[1] = group_codes[PEER_P256];
	assert_int_equal(upstream_new(&sock, thread, &hello, &TLS_LIMITS_NONE, &session), 0);
	peer = peer_new(way, &identity, peer_fd);
	for (unsigned i = 0; i < HANDSHAKE_ROUNDS; i++) {
		if (result == UPSTREAM_WAIT)
			result = upstream_handshake(session);
		if (result == UPSTREAM_READY)
			assert_int_equal(session_flush(session, SESSION_FLUSH_WRITTEN), SESSION_OK);
		if (peer_shake(peer) && result != UPSTREAM_WAIT)
			break;
		if (result != UPSTREAM_WAIT && result != UPSTREAM_READY)
			break;
		pause_unless_raised();
	}
	assert_int_equal(result, UPSTREAM_READY);
	assert_int_equal(session_facts(session).version, way->version);
	receive_all();
	send_all();
	end();
}

/* --- the engine as server --- */

static void greet(const struct peer_way *way)
{
	static uint8_t bytes[HELLO_MAX], message[DOWNSTREAM_HELLO_MAX];
	struct session_facts facts = { .version = (uint16_t)way->version,
				       .suite = way->version == TLS1_3_VERSION
							? suite_codes[way->cipher]
							: 0xc030 };
	struct hello hello;
	struct downstream_offer offer = {
		.hello = &hello, .message = message, .limits = TLS_LIMITS_NONE, .upstream = &facts
	};

	(void)peer_shake(peer);
	offer.message_length = handshake_take_hello(&sock, bytes, message, &hello);
	offer.leaf = leaves[leaf_key_for(&hello, &offer.limits, &facts)];
	assert_int_equal(downstream_new(&sock, thread, &offer, &session), 0);
}

static void check_downstream(const struct peer_way *way, unsigned unused)
{
	struct peer_identity identity = { .ca = ca.x509 };
	enum downstream_result result = DOWNSTREAM_WAIT;

	(void)unused;
	begin(way);
	peer = peer_new(way, &identity, peer_fd);
	greet(way);
	for (unsigned i = 0; i < HANDSHAKE_ROUNDS; i++) {
		if (result == DOWNSTREAM_WAIT)
			result = downstream_handshake(session);
		if (result == DOWNSTREAM_READY)
			assert_int_equal(session_flush(session, SESSION_FLUSH_WRITTEN), SESSION_OK);
		if (peer_shake(peer) && result != DOWNSTREAM_WAIT)
			break;
		if (result != DOWNSTREAM_WAIT && result != DOWNSTREAM_READY)
			break;
		pause_unless_raised();
	}
	assert_int_equal(result, DOWNSTREAM_READY);
	receive_all();
	send_all();
	end();
}

/* --- the ways --- */

static bool exists(const struct peer_way *way, bool is_downstream)
{
	bool is_finite = way->group >= PEER_FFDHE2048;

	if (way->version == TLS1_3_VERSION)
		return way->cipher != PEER_CBC && way->signature != PEER_RSA_PKCS1;
	/* As a server of TLS 1.2, mbedTLS signs with PKCS#1 only. */
	if (is_downstream && way->signature == PEER_RSA_PSS)
		return false;
	/* TLS 1.2: DHE with RSA only, and one group of the server's choice is enough. */
	return !is_finite || (way->group == PEER_FFDHE2048 && way->signature != PEER_ECDSA);
}

static void for_each_way(enum peer_library library, int version,
			 void (*check)(const struct peer_way *, unsigned))
{
	bool is_downstream = check == check_downstream;

	for (unsigned i = 0; i < N_PEER_GROUPS * N_PEER_CIPHERS * N_PEER_SIGNATURES; i++) {
		struct peer_way way = { .library = library,
					.version = version,
					.group = i / N_PEER_CIPHERS / N_PEER_SIGNATURES,
					.cipher = i / N_PEER_SIGNATURES % N_PEER_CIPHERS,
					.signature = i % N_PEER_SIGNATURES };

		if (!exists(&way, is_downstream))
			continue;
		check(&way, way.signature == PEER_ECDSA ? SERVER_P256 : SERVER_RSA);
		/* In TLS 1.2 the group is the curve of the key, too. */
		if (!is_downstream && way.signature == PEER_ECDSA &&
		    (version == TLS1_3_VERSION || way.group == PEER_P384))
			check(&way, SERVER_P384);
	}
}

static void test_openssl_server(void **state)
{
	(void)state;
	for_each_way(PEER_OPENSSL, TLS1_3_VERSION, check_upstream);
	for_each_way(PEER_OPENSSL, TLS1_2_VERSION, check_upstream);
}

static void test_gnutls_server(void **state)
{
	(void)state;
	for_each_way(PEER_GNUTLS, TLS1_3_VERSION, check_upstream);
	for_each_way(PEER_GNUTLS, TLS1_2_VERSION, check_upstream);
}

static void test_openssl_client(void **state)
{
	(void)state;
	for_each_way(PEER_OPENSSL, TLS1_3_VERSION, check_downstream);
	for_each_way(PEER_OPENSSL, TLS1_2_VERSION, check_downstream);
}

static void test_gnutls_client(void **state)
{
	(void)state;
	for_each_way(PEER_GNUTLS, TLS1_3_VERSION, check_downstream);
	for_each_way(PEER_GNUTLS, TLS1_2_VERSION, check_downstream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_openssl_server, teardown),
		cmocka_unit_test_teardown(test_gnutls_server, teardown),
		cmocka_unit_test_teardown(test_openssl_client, teardown),
		cmocka_unit_test_teardown(test_gnutls_client, teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
