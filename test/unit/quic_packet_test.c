/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What packets and datagrams of QUIC may be, and what they may not. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/quic_flow.h"
#include "tls/quic_packet.h"

static const uint8_t other_cid[N_CID] = { 0x44 };
static const uint8_t server_cid[] = { 9, 10, 11, 12 };
static const uint8_t token[] = { 0x55, 0x66 };

static void test_not_initial(void **state)
{
	static const unsigned types[] = { TYPE_ZERO_RTT, TYPE_HANDSHAKE, TYPE_RETRY };
	static const uint32_t versions[] = { QUIC_V1, QUIC_V2 };
	static const struct {
		const char *bytes;
		size_t n;
		enum quic_result want;
	} others[] = {
		{ "", 0, QUIC_NOT_INITIAL },
		{ "\x40", 1, QUIC_NOT_INITIAL },
		{ "\x00\x00\x00\x00\x01", 5, QUIC_NOT_INITIAL },
		{ "\xc0", 1, QUIC_INVALID },
		{ "\xc0\x00\x00\x01", 4, QUIC_INVALID },
		{ "\xc0\x00\x00\x00\x00", 5, QUIC_UNKNOWN_VERSION }, /* Version Negotiation */
		{ "\x80\xff\x00\x00\x1d", 5, QUIC_UNKNOWN_VERSION },
		{ "\xc0\x0a\x0a\x0a\x0a\x08", 6, QUIC_UNKNOWN_VERSION },
	};

	(void)state;
	/* Whatever comes between them, the pieces make the hello. */
	put_crypto(0, 300);
	assert_int_equal(feed_packet(), QUIC_MORE);
	for (size_t i = 0; i < N_OF(types) * N_OF(versions); i++) {
		how_reset(versions[i % 2], types[i / 2]);
		put_crypto(0, n_hello);
		assert_int_equal(feed_packet(), QUIC_NOT_INITIAL);
	}
	for (size_t i = 0; i < N_OF(others); i++) {
		memcpy(datagram, others[i].bytes, n_datagram = others[i].n);
		if (others[i].want != QUIC_INVALID)
			assert_int_equal(feed(), others[i].want);
	}
	how_reset(QUIC_V1, TYPE_INITIAL);
	how.number = 1;
	put_crypto(300, 300);
	assert_whole(feed_packet(), "www.example.com");

	for (size_t i = 0; i < N_OF(others); i++) {
		fresh();
		memcpy(datagram, others[i].bytes, n_datagram = others[i].n);
		assert_int_equal(feed(), others[i].want);
	}
}

/* One thing wrong in each, of which the last line of every block is the packet that has it. */
static void test_headers(void **state)
{
	uint8_t long_cid[21] = { 0 };

	(void)state;
	put_crypto(0, n_hello);
	assert_invalid(feed_padded(QUIC_DATAGRAM_MIN - 1));

	for (unsigned bits = 0x04; bits <= 0x0c; bits += 0x04) { /* the reserved ones */
		put_crypto(0, n_hello);
		how.first |= (uint8_t)bits;
		assert_invalid(feed_packet());
	}

	put_crypto(0, n_hello);
	how.n_cid = how.n_key_cid = 7; /* a client's own is longer */
	assert_invalid(feed_packet());

	put_crypto(0, n_hello);
	how.cid = how.key_cid = long_cid;
	how.n_cid = how.n_key_cid = 21;
	assert_invalid(feed_packet());

	put_crypto(0, n_hello);
	how.n_source = 21;
	assert_invalid(feed_packet());

	put_crypto(0, n_hello);
	how.key_cid = server_cid; /* not the packet's ID */
	how.n_key_cid = sizeof(server_cid);
	assert_invalid(feed_packet());

	put_crypto(0, n_hello);
	how.first &= (uint8_t)~0x40; /* the QUIC bit, without a token */
	assert_invalid(feed_packet());

	put_crypto(0, n_hello);
	how.first &= (uint8_t)~0x40;
	how.token = token;
	how.n_token = sizeof(token);
	assert_whole(feed_packet(), "www.example.com");

	fresh();
	put_crypto(0, n_hello);
	how.cid = how.key_cid = long_cid;
	how.n_cid = how.n_key_cid = how.n_source = 20;
	assert_whole(feed_packet(), "www.example.com");
}

/* Lengths that point beyond the datagram; and a packet too short to be unprotected. */
static void test_lengths(void **state)
{
	/* 1 + 4 + 1 + 8 + 1 bytes before the length of the token */
	enum { AT_TOKEN = 15 };
	static const char *const beyond[] = { "\x3f", "\x7f\xff", "\xbf\xff\xff\xff",
					      "\xff\xff\xff\xff\xff\xff\xff\xff" };

	(void)state;
	for (size_t i = 0; i < N_OF(beyond); i++)
		for (unsigned has_token = 0; has_token < 2; has_token++) {
			put_crypto(0, n_hello);
			packet_put();
			datagram[AT_TOKEN] = 0;
			memcpy(datagram + AT_TOKEN + has_token, beyond[i], (size_t)1 << i);
			n_datagram = AT_TOKEN + has_token + ((size_t)1 << i) + 20;
			memset(datagram + n_datagram, 0, QUIC_DATAGRAM_MIN);
			if (i > 0)
				n_datagram = QUIC_DATAGRAM_MIN;
			assert_invalid(feed());
		}

	for (size_t n = 0; n < 6; n++) { /* 2 bytes of number, 16 of tag: 2 too few for a sample */
		payload_put("\x01\x01\x01\x01\x01", n);
		packet_put();
		put_crypto(0, 300);
		put_padding(QUIC_DATAGRAM_MIN);
		packet_put();
		if (n < 2)
			assert_invalid(feed());
		else
			assert_int_equal(feed(), QUIC_MORE);
		fresh();
	}
}

static void test_frames(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		enum quic_result want;
	} frames[] = {
		{ "\x02\x00\x00\x00\x00", 5, QUIC_MORE },
		{ "\x02\x44\x00\x40\x05\x02\x01\x01\x01\x01\x01", 11, QUIC_MORE },
		{ "\x03\x00\x00\x00\x00\x01\x02\x03", 8, QUIC_MORE },
		{ "\x1c\x00\x06\x03"
		  "bye",
		  7, QUIC_MORE },
		{ "\x1c\x00\x06\x00", 4, QUIC_MORE },
		/* cut short */
		{ "\x02\x00\x00\x00", 4, QUIC_INVALID },
		{ "\x02\x00\x00\x01\x00\x00", 6, QUIC_INVALID },
		{ "\x02\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00", 13, QUIC_INVALID },
		{ "\x03\x00\x00\x00\x00\x01\x02", 7, QUIC_INVALID },
		{ "\x1c\x00\x06\x04"
		  "bye",
		  7, QUIC_INVALID },
		{ "\x06\x00", 2, QUIC_INVALID },
		{ "\x06\x00\x02\x01", 4, QUIC_INVALID },
		{ "\x06\x00\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, QUIC_INVALID },
		/* beyond every hello */
		{ "\x06\x80\x00\x40\x00\x01\x01", 7, QUIC_INVALID },
		{ "\x06\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01", 11, QUIC_INVALID },
		{ "\x06\x80\x00\x3f\xff\x01\x01", 7, QUIC_MORE },
		/* a type in more bytes than it takes */
		{ "\x40\x06\x00\x00", 4, QUIC_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(frames); i++) {
		n_payload = 1100;
		memset(payload, 0x01, n_payload);
		payload_put(frames[i].bytes, frames[i].n);
		if (frames[i].want == QUIC_MORE)
			put_padding(1);
		how.n_source = 20;
		how.n_token = 60;
		how.token = payload; /* any bytes do */
		packet_put();
		assert_int_equal(feed(), frames[i].want);
		fresh();
	}
	for (unsigned type = 0; type < 256; type++) {
		static const char allowed[] = "\x01\x02\x03\x06\x1c";

		put_crypto(0, 300);
		payload_put(&(uint8_t){ (uint8_t)type }, 1);
		assert_int_equal(feed_packet(), type == 0 || memchr(allowed, (int)type, 5)
							? QUIC_MORE
							: QUIC_INVALID);
		fresh();
	}
}

/* RFC 9000 appendix A.3: what is missing of a number comes from the one expected. */
static void test_numbers(void **state)
{
	static const struct {
		uint64_t before, number;
		unsigned n;
		bool is_understood;
	} numbers[] = {
		{ 0xa82f30ea, 0xa82f9b32, 2, true }, /* the RFC's example */
		{ 0xa82f30ea, 0xa82fb0eb, 2, true },
		{ 0xa82f30ea, 0xa82fb0ec, 2, false },
		{ 100, 0, 1, true },
		{ 200, 73, 1, false },
		{ 200, 74, 1, true },
		{ 255, 256, 1, true },
		{ 0x7fffffff, 0xffffffff, 4, true },
		{ 65535, 65537, 2, true },
		{ 0xfffffe, 0x1000001, 3, true },
		{ 0, 0x7fffff, 3, true },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(numbers); i++) {
		how.first |= 3;
		how.number = 0;
		/* up to `before`, by steps that four bytes can tell */
		for (uint64_t at = 0; at < numbers[i].before; at += 0x40000000) {
			how.number = numbers[i].before - at < 0x40000000 ? numbers[i].before
									 : at + 0x40000000;
			put_crypto(0, 300);
			assert_int_equal(feed_packet(), QUIC_MORE);
		}
		how.first = (uint8_t)((how.first & ~3U) | (numbers[i].n - 1));
		how.number = numbers[i].number;
		put_crypto(0, n_hello);
		assert_int_equal(feed_packet(),
				 numbers[i].is_understood ? QUIC_HELLO_WHOLE : QUIC_INVALID);
		fresh();
	}
}

/* The server's ID in later packets: under the old keys without a token, under its own with one. */
static void test_server_ids(void **state)
{
	(void)state;
	for (unsigned has_token = 0; has_token < 2; has_token++)
		for (unsigned is_new_key = 0; is_new_key < 2; is_new_key++) {
			enum quic_result result;

			put_crypto(0, 300);
			assert_int_equal(feed_packet(), QUIC_MORE);
			how.cid = server_cid;
			how.n_cid = sizeof(server_cid);
			how.n_key_cid = is_new_key ? sizeof(server_cid) : N_CID;
			how.key_cid = is_new_key ? server_cid : cid;
			how.token = token;
			how.n_token = has_token ? sizeof(token) : 0;
			put_crypto(300, 300);
			result = feed_packet();
			if (is_new_key && !has_token)
				assert_invalid(result);
			else
				assert_whole(result, "www.example.com");
			fresh();
		}

	/* After a Retry all is sent again: the same bytes, or it is another hello. */
	for (unsigned is_other = 0; is_other < 2; is_other++) {
		put_crypto(0, 300);
		assert_int_equal(feed_packet(), QUIC_MORE);
		how.cid = how.key_cid = server_cid;
		how.n_cid = how.n_key_cid = sizeof(server_cid);
		how.token = token;
		how.n_token = sizeof(token);
		hello[10] ^= (uint8_t)is_other;
		put_crypto(0, n_hello);
		hello[10] ^= (uint8_t)is_other;
		if (is_other)
			assert_invalid(feed_packet());
		else
			assert_whole(feed_packet(), "www.example.com");
		fresh();
	}
}

static void test_coalesced(void **state)
{
	(void)state;
	/* 0-RTT, half of the hello, Handshake, the other half, and what has no length */
	for (unsigned kind = 0; kind < 5; kind++) {
		static const unsigned types[] = { TYPE_ZERO_RTT, TYPE_INITIAL, TYPE_HANDSHAKE,
						  TYPE_INITIAL };
		static const char *const tails[] = { "\x40 short", "\x00\x00\x00\x00\x00\x00",
						     "\xc0\x0a\x0a\x0a\x0a\x00",
						     "\xf0\x00\x00\x00\x01\x00",
						     "\xc0\x00\x00\x00\x01\x15" };

		for (unsigned i = 0; i < 4; i++) {
			how_reset(QUIC_V1, types[i]);
			how.number = i;
			put_crypto(i / 2 * 300, 300);
			put_padding(10);
			packet_put();
		}
		memcpy(datagram + n_datagram, tails[kind], 6);
		n_datagram += 6;
		assert_int_equal(feed(), kind < 2 ? QUIC_HELLO_WHOLE : QUIC_INVALID);
		fresh();
	}

	/* all of one connection and version, and all sound */
	for (unsigned wrong = 0; wrong < 4; wrong++) {
		put_crypto(0, 300);
		put_padding(900);
		packet_put();
		if (wrong == 0)
			how.cid = how.key_cid = other_cid;
		if (wrong == 1)
			how.n_cid = how.n_key_cid = 9;
		if (wrong == 2)
			how_reset(QUIC_V2, TYPE_INITIAL);
		put_crypto(300, 300);
		packet_put();
		datagram[n_datagram - 1] ^= wrong == 3;
		assert_invalid(feed());
	}

	/* nor may the version change between datagrams */
	put_crypto(0, 300);
	assert_int_equal(feed_packet(), QUIC_MORE);
	how_reset(QUIC_V2, TYPE_INITIAL);
	put_crypto(300, 300);
	assert_invalid(feed_packet());
}

static void test_limits(void **state)
{
	(void)state;
	hello_make("www.example.com", QUIC_HELLO_MAX);
	for (size_t at = 0; at < n_hello; at += 1024) {
		enum quic_result result;

		put_crypto(at, 1024);
		result = feed_packet();
		if (at + 1024 < n_hello)
			assert_int_equal(result, QUIC_MORE);
		else
			assert_whole(result, "www.example.com");
	}

	fresh();
	quic_seal_uint(hello + 1, QUIC_HELLO_MAX - 3, 3);
	put_crypto(0, 4);
	assert_invalid(feed_packet());

	hello_make("www.example.com", 600);
	for (unsigned i = 0; i < QUIC_DATAGRAMS_MAX; i++) {
		put_crypto(0, 300);
		assert_int_equal(feed_packet(), QUIC_MORE);
	}
	put_crypto(0, n_hello);
	assert_invalid(feed_packet());

	n_datagram = QUIC_DATAGRAM_MAX + 1;
	memset(datagram, 0, n_datagram);
	assert_invalid(feed());
	quic_hello_free(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_not_initial, setup, teardown),
		cmocka_unit_test_setup_teardown(test_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_coalesced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
