/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session's records after its handshake: every cipher with OpenSSL, and what is no data. */
#include "test/unit/cmocka_all.h"

#include <stdlib.h>

#include "test/unit/scarce.h"
#include "test/unit/session.h"
#include "tls/channel.h"

static EVP_PKEY *keys[2]; /* P-256, RSA */
static X509 *leaves[2];

/* --- with OpenSSL --- */

static int group_setup(void **state)
{
	(void)state;
	begin_sessions();
	keys[0] = EVP_EC_gen("P-256");
	keys[1] = EVP_RSA_gen(2048);
	for (unsigned i = 0; i < 2; i++) {
		struct chain_recipe recipe = { .name = "www.example.com",
					       .key = keys[i],
					       .signer = keys[i] };

		leaves[i] = chain_make(&recipe);
	}
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		X509_free(leaves[i]);
		EVP_PKEY_free(keys[i]);
	}
	end_sessions();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_session();
	return 0;
}

static void open_session(int version, const char *cipher)
{
	struct hello hello = handshake_hello("curl");

	handshake_init(&h, TLS_server_method(), version);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(SSL_CTX_use_certificate(h.context, leaves[i]), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(h.context, keys[i]), 1);
	}
	SSL_CTX_set_dh_auto(h.context, 1);
	if (cipher && version == TLS1_3_VERSION)
		assert_int_equal(SSL_CTX_set_ciphersuites(h.context, cipher), 1);
	else if (cipher)
		assert_int_equal(SSL_CTX_set_cipher_list(h.context, cipher), 1);
	assert_int_equal(upstream_new(&h.sock, thread, &hello, &TLS_LIMITS_NONE, &session), 0);
	handshake_start(&h);
	assert_int_equal(shake_with_server(), UPSTREAM_READY);
	assert_true(finish_peer());
}

/* `n` bytes to the peer and back, in pieces of all sizes. */
static void echo(size_t n)
{
	static uint8_t sent[200000], there[sizeof(sent)], got[sizeof(sent)];
	size_t n_sent = 0, n_there = 0, n_back = 0, n_got = 0, piece = 1, m;

	for (size_t i = 0; i < n; i++)
		sent[i] = (uint8_t)(i * 31 + i / 253);
	for (unsigned rounds = 0; n_got < n && rounds < 100000; rounds++) {
		size_t most = n - n_sent < piece ? n - n_sent : piece;
		size_t room = rounds % 2 ? 777 : SESSION_READ_ROOM;
		uint8_t into[SESSION_READ_ROOM];
		enum session_io io;
		int r;

		socks_raise(&h.sock);
		if (most > 0 && session_write(session, sent + n_sent, most, &m) == SESSION_OK)
			n_sent += m;
		(void)session_flush(session, SESSION_FLUSH_WRITTEN);
		r = SSL_read(h.peer, there + n_there, (int)(sizeof(there) - n_there));
		n_there += r > 0 ? (size_t)r : 0;
		most = n_there - n_back < piece ? n_there - n_back : piece;
		r = most > 0 ? SSL_write(h.peer, there + n_back, (int)most) : 0;
		n_back += r > 0 ? (size_t)r : 0;
		io = session_read(session, into, room, &m);
		assert_true(io == SESSION_OK || io == SESSION_WAIT);
		if (io == SESSION_OK) {
			memcpy(got + n_got, into, m);
			n_got += m;
		}
		piece = piece * 7 % 70001;
	}
	assert_int_equal(n_got, n);
	assert_memory_equal(got, sent, n);
}

static void test_ciphers(void **state)
{
	static const struct {
		int version;
		const char *cipher;
	} all[] = {
		{ TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256" },
		{ TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384" },
		{ TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256" },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256" },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384" },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305" },
		{ TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256" },
		{ TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384" },
		{ TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305" },
		{ TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256" },
		{ TLS1_2_VERSION, "DHE-RSA-AES256-GCM-SHA384" },
		{ TLS1_2_VERSION, "DHE-RSA-CHACHA20-POLY1305" },
		{ TLS1_2_VERSION, "AES128-GCM-SHA256" },
		{ TLS1_2_VERSION, "AES256-GCM-SHA384" },
		/* These stay with the library. */
		{ TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA" },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct session_facts facts;

		open_session(all[i].version, all[i].cipher);
		assert_string_equal(SSL_get_cipher(h.peer), all[i].cipher);
		echo(200000);
		facts = session_facts(session);
		assert_int_equal(facts.suite,
				 SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(h.peer)));
		assert_int_equal(facts.version, all[i].version);
		teardown(NULL);
	}
}

static void test_key_updates(void **state)
{
	static const int kinds[] = { SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED };

	(void)state;
	open_session(TLS1_3_VERSION, NULL);
	for (unsigned i = 0; i < 20; i++) {
		echo(1000);
		assert_int_equal(SSL_key_update(h.peer, kinds[i % 2]), 1);
		echo(30000);
	}
}

/* Whether anything was said is known without taking it. */
static void test_hear(void **state)
{
	uint8_t bytes[16];
	size_t n;

	(void)state;
	open_session(TLS1_2_VERSION, NULL);
	socks_raise(&h.sock);
	assert_int_equal(session_hear(session), SESSION_WAIT);
	assert_int_equal(SSL_write(h.peer, "word", 4), 4);
	socks_await(h.sock.fd);
	for (unsigned i = 0; i < 2; i++) {
		socks_raise(&h.sock);
		assert_int_equal(session_hear(session), SESSION_OK);
	}
	assert_int_equal(session_read(session, bytes, sizeof(bytes), &n), SESSION_OK);
	assert_int_equal(n, 4);
	teardown(NULL);
	open_session(TLS1_3_VERSION, NULL); /* its tickets are a word, too */
	socks_await(h.sock.fd);
	socks_raise(&h.sock);
	assert_int_equal(session_hear(session), SESSION_OK);
	assert_int_equal(session_read(session, bytes, sizeof(bytes), &n), SESSION_WAIT);
}

/* --- with records of our own making --- */

static struct channel *channel;
static struct buffer_pool pool;
static struct protect *server; /* what the server writes */
static struct sock ends[2];
/* What the handshake left to be sent. */
static const char *unsent;
static bool is_unsent_lazy;

static struct buffer *take_unsent(void)
{
	struct buffer *buffer = unsent ? buffer_borrow(&pool) : NULL;

	if (buffer) {
		buffer->end = strlen(unsent);
		memcpy(buffer->bytes, unsent, buffer->end);
	}
	return buffer;
}

static void make_channel(uint16_t version, bool is_upstream, bool may_be_asked)
{
	struct protect_secrets secrets = { .version = version,
					   .suite = version == 0x0304 ? 0x1301 : 0xc02b,
					   .n_secret = version == 0x0304 ? 32 : 48,
					   .secret = "01234567890123456789012345678901" };
	struct channel_options options = { .sock = &ends[0],
					   .pool = &pool,
					   .version = version,
					   .is_upstream = is_upstream,
					   .hears_late = may_be_asked,
					   .may_be_asked = may_be_asked,
					   .unsent = take_unsent(),
					   .is_unsent_lazy = is_unsent_lazy };
	int fds[2];

	socks_tcp_pair(fds);
	for (unsigned i = 0; i < 2; i++)
		ends[i] = (struct sock){ .fd = fds[i] };
	assert_int_equal(protect_new(&secrets, false, &options.reads), 0);
	assert_int_equal(protect_new(&secrets, true, &options.writes), 0);
	assert_int_equal(protect_new(&secrets, false, &server), 0);
	assert_int_equal(channel_new(&options, &channel), 0);
}

static int teardown_channel(void **state)
{
	(void)state;
	channel_free(channel);
	protect_free(server);
	buffer_pool_deinit(&pool);
	for (unsigned i = 0; i < 2; i++)
		sock_close(&ends[i]);
	channel = NULL;
	server = NULL;
	unsent = NULL;
	is_unsent_lazy = false;
	return 0;
}

static void say(uint8_t type, const void *bytes, size_t n)
{
	static uint8_t record[PROTECT_CONTENT_MAX + 1 + PROTECT_OVERHEAD_MAX];
	size_t length = protect_seal(server, type, bytes, n, record);

	assert_true(length > 0);
	assert_int_equal(send(ends[1].fd, record, length, 0), length);
	socks_await(ends[0].fd);
	socks_raise(&ends[0]);
}

static enum session_io hear(void)
{
	static uint8_t bytes[SESSION_READ_ROOM];
	size_t n;

	return channel_read(channel, bytes, sizeof(bytes), &n);
}

#define SAY(type, text) say(type, text, sizeof(text) - 1)

static void test_messages(void **state)
{
	static const struct {
		uint16_t version;
		bool is_upstream;
		uint8_t type;
		const char *bytes;
		size_t n;
		enum session_io io;
	} all[] = {
#define SAYS(text) text, sizeof(text) - 1
		{ 0x0304, true, 22, SAYS("\x04\0\0\x05ticke"), SESSION_WAIT },
		{ 0x0304, true, 22, SAYS("\x04\0\0\x01t\x04\0\0\x01t"), SESSION_WAIT },
		{ 0x0304, true, 22, SAYS("\x04\0\0\x05ti"), SESSION_WAIT },
		{ 0x0304, true, 22, SAYS("\x04\x01\0\0ti"), SESSION_ERROR },
		{ 0x0304, false, 22, SAYS("\x04\0\0\x05ticke"), SESSION_ERROR },
		{ 0x0304, true, 22, SAYS("\x18\0\0\x01\x01"), SESSION_WAIT },
		{ 0x0304, true, 22, SAYS("\x18\0\0\x01\x02"), SESSION_ERROR },
		{ 0x0304, true, 22, SAYS("\x18\0\0\x02\x01\x01"), SESSION_ERROR },
		{ 0x0304, true, 22, SAYS("\x18\0\0\0"), SESSION_ERROR },
		{ 0x0304, true, 22, SAYS("\x18\0\0\x01\x01\x04\0\0\x01t"), SESSION_ERROR },
		{ 0x0304, true, 22, SAYS(""), SESSION_ERROR },
		{ 0x0304, true, 22, SAYS("\x0d\0\0\x03\0\0\0"), SESSION_ERROR },
		{ 0x0304, true, 22, SAYS("\0\0\0\0"), SESSION_ERROR },
		{ 0x0304, true, 20, SAYS("\1"), SESSION_ERROR },
		{ 0x0304, true, 24, SAYS("\1"), SESSION_ERROR },
		{ 0x0304, true, 21, SAYS("\1\0"), SESSION_CLOSED },
		{ 0x0304, true, 21, SAYS("\1\x5a"), SESSION_WAIT },
		{ 0x0304, true, 21, SAYS("\1\x28"), SESSION_ALERT },
		{ 0x0304, true, 21, SAYS("\2"), SESSION_ERROR },
		{ 0x0303, true, 21, SAYS("\1\x28"), SESSION_WAIT },
		{ 0x0303, true, 21, SAYS("\2\x28"), SESSION_ALERT },
		{ 0x0303, true, 22, SAYS("\0\0\0\0"), SESSION_WAIT },
		{ 0x0303, true, 22, SAYS("\0\0\0\x01x"), SESSION_ERROR },
		{ 0x0303, false, 22, SAYS("\x01\0\0\x02hi"), SESSION_WAIT },
		{ 0x0303, false, 22, SAYS("\0\0\0\0"), SESSION_ERROR },
		{ 0x0303, true, 22, SAYS("\x04\0\0\x05ticke"), SESSION_ERROR },
		{ 0x0303, true, 20, SAYS("\1"), SESSION_ERROR },
		{ 0x0303, true, 23, SAYS(""), SESSION_WAIT },
#undef SAYS
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		make_channel(all[i].version, all[i].is_upstream, false);
		say(all[i].type, all[i].bytes, all[i].n);
		assert_int_equal(hear(), all[i].io);
		if (all[i].io == SESSION_ERROR)
			assert_string_not_equal(channel_error(channel), "");
		teardown_channel(state);
	}
}

/* A request in pieces, and what stands between them. */
static void test_pieces(void **state)
{
	const uint8_t *body;
	size_t n;

	make_channel(0x0304, true, true);
	SAY(PROTECT_HANDSHAKE, "\x04\0\0\x01t\x0d\0");
	assert_int_equal(hear(), SESSION_WAIT);
	SAY(PROTECT_HANDSHAKE, "\0\x03");
	SAY(PROTECT_HANDSHAKE, "\1\2\3");
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(hear(), SESSION_WANTS_CERTIFICATE);
	body = channel_request(channel, &n);
	assert_int_equal(n, 3);
	assert_memory_equal(body, "\1\2\3", 3);
	teardown_channel(state);
	make_channel(0x0304, true, true);
	SAY(PROTECT_HANDSHAKE, "\x0d\0");
	SAY(PROTECT_DATA, "between");
	assert_int_equal(hear(), SESSION_ERROR);
}

/* Much ado about nothing. */
static void test_flood(void **state)
{
	unsigned n = 0;

	(void)state;
	make_channel(0x0304, true, false);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 60; i++)
			say(PROTECT_DATA, "", 0);
		SAY(PROTECT_DATA, "data");
		assert_int_equal(hear(), SESSION_OK);
	}
	while (n < 100) {
		say(PROTECT_DATA, "", 0);
		n++;
		if (hear() == SESSION_ERROR)
			break;
	}
	assert_in_range(n, 60, 70);
}

/* Records that are too large, cut, altered or no records at all. */
static void test_broken(void **state)
{
	static const char header[][5] = { "\x17\3\3\x41\x01", "\x17\3\3\0\x10", "\x17\2\3\0\x20",
					  "\x47\x45\x54\x20\x2f" };
	static uint8_t zeros[40], padded[PROTECT_CONTENT_MAX + 1] = { 'x', 23 };

	for (unsigned i = 0; i < sizeof(header) / sizeof(header[0]); i++) {
		make_channel(0x0304, true, false);
		assert_int_equal(send(ends[1].fd, header[i], 5, 0), 5);
		assert_int_equal(send(ends[1].fd, zeros, sizeof(zeros), 0), sizeof(zeros));
		socks_await(ends[0].fd);
		socks_raise(&ends[0]);
		for (unsigned j = 0; j < 2; j++)
			assert_int_equal(hear(), SESSION_ERROR);
		teardown_channel(state);
	}
	make_channel(0x0304, true, false); /* nothing but padding: no type */
	say(0, zeros, sizeof(zeros));
	assert_int_equal(hear(), SESSION_ERROR);
	teardown_channel(state);
	make_channel(0x0304, true, false); /* as much padding as can be, and one byte more */
	say(0, padded, PROTECT_CONTENT_MAX);
	assert_int_equal(hear(), SESSION_OK);
	say(0, padded, PROTECT_CONTENT_MAX + 1);
	assert_int_equal(hear(), SESSION_ERROR);
}

/* What the engine is about to do when memory runs out; in `io`, what it would have come to. */
struct want {
	uint16_t version;
	bool is_upstream;
	uint8_t type; /* of a record that came; 0: none */
	const char *bytes;
	size_t n;
	enum session_io (*act)(void);
};

static enum session_io write_some(void)
{
	size_t n;

	enum session_io io = channel_write(channel, (const uint8_t *)"some", 4, &n);

	return io == SESSION_OK ? channel_flush(channel, SESSION_FLUSH_WRITTEN) : io;
}

static enum session_io say_goodbye(void)
{
	enum session_io io = channel_close_notify(channel);

	return io == SESSION_OK ? channel_flush(channel, SESSION_FLUSH_WRITTEN) : io;
}

/* The handshake's last words, an answer, close_notify and the FIN: the peer gets them at once. */
static void test_together(void **state)
{
	static const size_t answer = 5 + 4 + 1 + 16, alert = 5 + 2 + 1 + 16; /* TLS 1.3 */
	char bytes[256];

	(void)state;
	for (unsigned is_lazy = 0; is_lazy < 2; is_lazy++) {
		unsent = "words";
		is_unsent_lazy = is_lazy;
		make_channel(0x0304, false, false);
		socks_raise(&ends[0]);
		assert_false(socks_has_more(ends[1].fd));
		if (is_lazy) { /* a ticket: for itself it is not sent */
			assert_int_equal(channel_flush(channel, SESSION_FLUSH_WRITTEN), SESSION_OK);
			assert_false(socks_has_more(ends[1].fd));
		}
		assert_int_equal(write_some(), SESSION_OK);
		assert_int_equal(recv(ends[1].fd, bytes, sizeof(bytes), 0), 5 + answer);
		assert_memory_equal(bytes, "words", 5);

		assert_int_equal(channel_close_notify(channel), SESSION_OK);
		assert_int_equal(channel_flush(channel, SESSION_FLUSH_LAST), SESSION_OK);
		assert_false(socks_has_more(ends[1].fd)); /* it waits for the FIN */
		assert_int_equal(shutdown(ends[0].fd, SHUT_WR), 0);
		assert_int_equal(recv(ends[1].fd, bytes, sizeof(bytes), 0), alert);
		assert_int_equal(recv(ends[1].fd, bytes, sizeof(bytes), 0), 0);
		teardown_channel(state);
	}
}

/* A ticket behind which nothing is written goes out when all is to, and before the end. */
static void test_late_ticket(void **state)
{
	static const enum session_flush ways[] = { SESSION_FLUSH_ALL, SESSION_FLUSH_LAST };
	char bytes[256];

	for (unsigned i = 0; i < N_OF(ways); i++) {
		unsent = "ticket";
		is_unsent_lazy = true;
		make_channel(0x0304, false, false);
		socks_raise(&ends[0]);
		assert_int_equal(channel_flush(channel, ways[i]), SESSION_OK);
		if (ways[i] == SESSION_FLUSH_LAST)
			assert_int_equal(shutdown(ends[0].fd, SHUT_WR), 0);
		assert_int_equal(recv(ends[1].fd, bytes, sizeof(bytes), 0), 6);
		teardown_channel(state);
	}
}

static enum session_io hear_first(void)
{
	return channel_hear(channel);
}

/* It ends the session, whose peer is told if there is memory for that. */
static void test_scarce(void **state)
{
	static const struct want all[] = {
#define SAYS(text) text, sizeof(text) - 1
		{ 0x0304, true, 23, SAYS("data"), hear },
		{ 0x0304, true, 23, SAYS("data"), hear_first },
		{ 0x0304, true, 22, SAYS("\x04\0\0\x05ticke"), hear },
		{ 0x0304, true, 22, SAYS("\x18\0\0\x01\x01"), hear },
		{ 0x0303, true, 22, SAYS("\0\0\0\0"), hear },
		{ 0x0304, true, 0, SAYS(""), write_some },
		{ 0x0304, true, 0, SAYS(""), say_goodbye },
#undef SAYS
	};

	for (unsigned i = 0; i < N_OF(all); i++) {
		bool has_failed = true;

		for (unsigned n = 1; has_failed; n++) {
			enum session_io io;

			make_channel(all[i].version, all[i].is_upstream, false);
			if (all[i].type)
				say(all[i].type, all[i].bytes, all[i].n);
			scarce_begin(n);
			io = all[i].act();
			has_failed = scarce_end();
			if (n == 1)
				assert_true(has_failed);
			assert_int_equal(io == SESSION_ERROR, has_failed);
			assert_string_equal(channel_error(channel), has_failed ? "no memory" : "");
			teardown_channel(state);
			buffer_pool_deinit(&pool);
		}
	}
}

/* The peer resets, whatever is under way. */
static void reset_by_peer(void)
{
	sock_reset(&ends[1]);
	socks_await(ends[0].fd);
	socks_raise(&ends[0]);
}

static void test_reset(void **state)
{
	static enum session_io (*const acts[])(void) = { hear, hear_first, write_some,
							 say_goodbye };

	for (unsigned i = 0; i < N_OF(acts); i++) {
		make_channel(0x0304, true, false);
		reset_by_peer();
		assert_int_equal(acts[i](), SESSION_RESET);
		assert_string_not_equal(channel_error(channel), "");
		if (i < 2)
			assert_int_equal(acts[i](), SESSION_RESET); /* and so it stays */
		teardown_channel(state);
	}
	make_channel(0x0304, true, false); /* behind its close_notify */
	SAY(PROTECT_ALERT, "\1\0");
	assert_int_equal(hear(), SESSION_CLOSED);
	assert_int_equal(hear(), SESSION_WAIT);
	reset_by_peer();
	assert_int_equal(hear(), SESSION_RESET);
	teardown_channel(state);
	make_channel(0x0304, true, false); /* before it hears what it did wrong */
	SAY(PROTECT_ALERT, "\2");
	reset_by_peer();
	assert_int_equal(hear(), SESSION_ERROR);
	assert_string_equal(channel_error(channel), "an alert of another size");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
#define OWN(name) cmocka_unit_test_teardown(name, teardown_channel)
		TEST(test_ciphers), TEST(test_key_updates), TEST(test_hear),
		OWN(test_messages), OWN(test_pieces),       OWN(test_flood),
		OWN(test_broken),   OWN(test_scarce),       OWN(test_reset),
		OWN(test_together), OWN(test_late_ticket),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
