/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hellos from QUIC's first datagrams: the RFCs' samples, captured ones, and pieces in any order.
 * data/quic/README says where the files come from. Packets: quic_packet_test.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/quic_flow.h"
#include "tls/quic_packet.h"

enum {
	DATAGRAMS = 8, /* of one file */
	SIZE = 2048,   /* of a datagram */
};

/* --- files ---------------------------------------------------------------------------------- */

struct datagram {
	size_t n;
	uint8_t at[SIZE];
};

static struct datagram file[DATAGRAMS];

/* A file has datagrams, each behind two bytes of length. Returns how many. */
static unsigned file_load(const char *name)
{
	char path[512];
	unsigned count = 0;
	int high, low;
	FILE *stream;

	snprintf(path, sizeof(path), POSTERN_TEST_DATA "/quic/%s.bin", name);
	stream = fopen(path, "rb");
	assert_non_null(stream);
	while ((high = getc(stream)) != EOF && (low = getc(stream)) != EOF) {
		assert_true(count < DATAGRAMS);
		file[count].n = (size_t)high << 8 | (size_t)low;
		assert_true(file[count].n <= SIZE);
		assert_int_equal(fread(file[count].at, 1, file[count].n, stream), file[count].n);
		count++;
	}
	fclose(stream);
	return count;
}

/* --- samples and captures ------------------------------------------------------------------- */

struct sample {
	const char *file;
	uint32_t version;
	uint8_t key[16], iv[12], hp[16];
};

static const struct sample samples[] = {
	{ "rfc9001_a2",
	  QUIC_V1,
	  { 0x1f, 0x36, 0x96, 0x13, 0xdd, 0x76, 0xd5, 0x46, 0x77, 0x30, 0xef, 0xcb, 0xe3, 0xb1,
	    0xa2, 0x2d },
	  { 0xfa, 0x04, 0x4b, 0x2f, 0x42, 0xa3, 0xfd, 0x3b, 0x46, 0xfb, 0x25, 0x5c },
	  { 0x9f, 0x50, 0x44, 0x9e, 0x04, 0xa0, 0xe8, 0x10, 0x28, 0x3a, 0x1e, 0x99, 0x33, 0xad,
	    0xed, 0xd2 } },
	{ "rfc9369_a2",
	  QUIC_V2,
	  { 0x8b, 0x1a, 0x0b, 0xc1, 0x21, 0x28, 0x42, 0x90, 0xa2, 0x9e, 0x09, 0x71, 0xb5, 0xcd,
	    0x04, 0x5d },
	  { 0x91, 0xf7, 0x3e, 0x23, 0x51, 0xd8, 0xfa, 0x91, 0x66, 0x0e, 0x90, 0x9f },
	  { 0x45, 0xb9, 0x5e, 0x15, 0x23, 0x5d, 0x6f, 0x45, 0xa6, 0xb1, 0x9c, 0xbc, 0xb0, 0x29,
	    0x4b, 0xa9 } },
};

static const uint8_t sample_cid[] = { 0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08 };

/* Appendices A.1 and A.2 of RFC 9001 and RFC 9369; and test/quic_seal.h by them. */
static void test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(samples); i++) {
		const struct sample *want = &samples[i];
		struct quic_keys keys;
		struct quic_packet packet;
		struct reader r, opened;
		uint8_t bytes[SIZE], again[SIZE + QUIC_SEAL_ROOM];
		uint64_t number;

		assert_int_equal(file_load(want->file), 1);
		r = reader_of(file[0].at, file[0].n);
		assert_int_equal(quic_packet_read(&r, &packet), QUIC_PACKET_INITIAL);
		assert_int_equal(packet.version, want->version);
		assert_int_equal(packet.n, 1200);
		assert_int_equal(reader_left(&packet.cid), sizeof(sample_cid));
		assert_memory_equal(packet.cid.at, sample_cid, sizeof(sample_cid));
		assert_int_equal(quic_keys_derive(want->version, sample_cid, 8, &keys), 0);
		assert_memory_equal(keys.key, want->key, 16);
		assert_memory_equal(keys.iv, want->iv, 12);
		assert_memory_equal(keys.hp, want->hp, 16);
		assert_int_equal(quic_packet_open(&packet, &keys, 0, bytes, &opened, &number), 0);
		assert_int_equal(number, 2);
		assert_int_equal(reader_left(&opened), 1162);
		assert_memory_equal(opened.at, "\x06\x00\x40\xf1\x01\x00\x00\xed\x03\x03\xeb\xf8",
				    12);

		how_reset(want->version, TYPE_INITIAL);
		how.first |= 3;
		how.cid = how.key_cid = sample_cid;
		how.number = 2;
		assert_int_equal(quic_seal(&how, opened.at, reader_left(&opened), again), 1200);
		assert_memory_equal(again, file[0].at, 1200);
	}
	assert_int_equal(quic_keys_derive(2, cid, 8, &(struct quic_keys){ 0 }), -EPROTONOSUPPORT);
}

struct captured {
	const char *file;
	const char *host;
	unsigned n_datagrams; /* that the hello needs */
	size_t n;             /* bytes of the hello */
};

static const struct captured captures[] = {
	{ "rfc9001_a2", "example.com", 1, 241 }, { "rfc9369_a2", "example.com", 1, 241 },
	{ "chromium", "h3.example", 2, 1914 },   { "firefox", "h3.example", 2, 1885 },
	{ "ngtcp2", "h3.example", 1, 372 },      { "ngtcp2_retry", "localhost", 1, 371 },
};

static void test_captured(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(captures); i++) {
		const struct captured *want = &captures[i];
		unsigned count = file_load(want->file);

		/* in their order, and from the last that is needed to the first */
		for (int step = 1; step >= -1; step -= 2) {
			int at = step > 0 ? 0 : (int)want->n_datagrams - 1;

			fresh();
			assert_true(count >= want->n_datagrams);
			for (unsigned k = 1; k < want->n_datagrams; k++, at += step)
				assert_int_equal(quic_hello_feed(quic, file[at].at, file[at].n),
						 QUIC_MORE);
			assert_whole(quic_hello_feed(quic, file[at].at, file[at].n), want->host);
			assert_int_equal(quic_hello_get(quic)->wire_length, want->n);
		}
	}
}

/* The second datagram came after a Retry: with a token, under the keys of the server's ID. */
static void test_captured_retry(void **state)
{
	(void)state;
	assert_int_equal(file_load("ngtcp2_retry"), 2);
	assert_whole(quic_hello_feed(quic, file[1].at, file[1].n), "localhost");
}

static void test_captured_draft(void **state)
{
	(void)state;
	assert_int_equal(file_load("ngtcp2_v2_draft"), 1);
	assert_int_equal(quic_hello_feed(quic, file[0].at, file[0].n), QUIC_UNKNOWN_VERSION);
}

/* Every bit of a packet is authenticated. */
static void test_damage(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(samples); i++) {
		assert_int_equal(file_load(samples[i].file), 1);
		for (size_t bit = 0; bit < 8 * file[0].n; bit++) {
			enum quic_result result;

			fresh();
			file[0].at[bit / 8] ^= (uint8_t)(1U << bit % 8);
			result = quic_hello_feed(quic, file[0].at, file[0].n);
			assert_true(result != QUIC_HELLO_WHOLE && result != QUIC_MORE);
			file[0].at[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		for (size_t n = 0; n < file[0].n; n++) {
			fresh();
			memcpy(datagram, file[0].at, n);
			n_datagram = n;
			assert_int_equal(feed(), n == 0 ? QUIC_NOT_INITIAL : QUIC_INVALID);
		}
	}
}

/* --- the hello in pieces -------------------------------------------------------------------- */

static void test_orders(void **state)
{
	static const unsigned orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					      { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	static const uint32_t versions[] = { QUIC_V1, QUIC_V2 };

	(void)state;
	for (size_t i = 0; i < N_OF(orders) * N_OF(versions); i++) {
		const unsigned *order = orders[i / 2];

		fresh();
		how_reset(versions[i % 2], TYPE_INITIAL);
		for (unsigned k = 0; k < 3; k++) {
			enum quic_result result;

			how.number = order[k];
			put_crypto(200 * order[k], 200);
			result = feed_packet();
			if (k < 2)
				assert_int_equal(result, QUIC_MORE);
			else
				assert_whole(result, "www.example.com");
		}
	}
}

/* Two bytes a frame from the end, each a byte further than the one before, with others between. */
static void test_shuffled(void **state)
{
	(void)state;
	for (size_t at = n_hello - 1; at-- > 0;) {
		put_crypto(at, 2);
		payload_put("\x01\x00\x00", 3);
		if (at % 200 == 0 && at > 0)
			assert_int_equal(feed_packet(), QUIC_MORE);
	}
	put_crypto(7, 0); /* an empty one is allowed */
	assert_whole(feed_packet(), "www.example.com");
}

static void test_contradictions(void **state)
{
	static const size_t places[] = { 0, 5, 299, 300, 310, 599 };

	(void)state;
	for (size_t i = 0; i < N_OF(places); i++)
		for (int is_same_packet = 0; is_same_packet < 2; is_same_packet++) {
			uint8_t other = hello[places[i]] ^ 0x01;

			put_crypto(300, 300); /* so that it is never whole */
			put_crypto(0, 299);
			if (places[i] == 299)
				put_crypto(299, 1);
			if (!is_same_packet && places[i] != 299)
				assert_int_equal(feed_packet(), QUIC_MORE);
			put_crypto_bytes(places[i], &other, 1);
			assert_invalid(feed_packet());
		}
}

static void test_messages(void **state)
{
	(void)state;
	hello[0] = 2; /* another message */
	put_crypto(0, 1);
	assert_invalid(feed_packet());
	hello[0] = 1;

	put_crypto(0, n_hello + 1); /* bytes behind it */
	assert_invalid(feed_packet());
	put_crypto(n_hello, 1);
	assert_int_equal(feed_packet(), QUIC_MORE);
	put_crypto(0, 4);
	assert_invalid(feed_packet());

	hello[43] = 0; /* no compression method: a hello that breaks its grammar */
	put_crypto(0, n_hello);
	assert_invalid(feed_packet());
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_samples, setup, teardown),
		cmocka_unit_test_setup_teardown(test_captured, setup, teardown),
		cmocka_unit_test_setup_teardown(test_captured_retry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_captured_draft, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_orders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shuffled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_contradictions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
