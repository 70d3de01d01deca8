/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What servers give to resume by, and for whom it is kept. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "test/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "test/unit/scarce.h"
#include "tls/mbed.h"
#include "tls/resumptions.h"

/* The handshake of RFC 8448 section 3, and what its ticket's nonce makes of it. */
static const struct resumption_secret secret = {
	.suite = MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
	.hash = MBEDTLS_MD_SHA256,
	.bytes = { 0x7d, 0xf2, 0x35, 0xf2, 0x03, 0x1d, 0x2a, 0x05, 0x12, 0x87, 0xd0,
		   0x2b, 0x02, 0x41, 0xb0, 0xbf, 0xda, 0xf8, 0x6c, 0xc8, 0x56, 0x23,
		   0x1f, 0x2d, 0x5a, 0xba, 0x46, 0xc4, 0x34, 0xec, 0x19, 0x6c },
	.n = 32,
};
static const uint8_t psk[32] = { 0x4e, 0xcd, 0x0e, 0xb6, 0xec, 0x3b, 0x4d, 0x87, 0xf5, 0xd6, 0x02,
				 0x8f, 0x92, 0x2c, 0xa4, 0xc5, 0x85, 0x1a, 0x27, 0x7f, 0xd4, 0x13,
				 0x11, 0xc9, 0xe6, 0x2d, 0x2c, 0x94, 0x92, 0xe1, 0xc4, 0xf3 };

/* 30 s, age_add, nonce 0000, a ticket of three bytes, no extensions. */
#define TICKET                                                                                     \
	"\0\0\0\x1e\xfa\xd6\xaa\xc5\x02\0\0\0\x03"                                                 \
	"abc"                                                                                      \
	"\0\0"

static struct resumption *read_ticket(const char *bytes, size_t n)
{
	uint8_t *copy = malloc(n + 1); /* so that a step beyond it is seen */
	struct resumption *resumption;

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	resumption = resumption_of_ticket(&secret, reader_of(copy, n));
	free(copy);
	return resumption;
}

#define READ(bytes) read_ticket(bytes, sizeof(bytes) - 1)
#define READ_IN_PLACE(bytes)                                                                       \
	resumption_of_ticket(&secret, reader_of((const uint8_t *)(bytes), sizeof(bytes) - 1))

static void test_ticket(void **state)
{
	struct resumption *resumption = READ(TICKET);
	const mbedtls_ssl_session *session = (const mbedtls_ssl_session *)resumption;

	(void)state;
	assert_non_null(resumption);
	assert_int_equal(resumption_seconds(resumption), 30);
	assert_int_equal(session->ticket_age_add, 0xfad6aac5);
	assert_int_equal(session->ticket_len, 3);
	assert_memory_equal(session->ticket, "abc", 3);
	assert_int_equal(session->resumption_key_len, sizeof(psk));
	assert_memory_equal(session->resumption_key, psk, sizeof(psk));
	assert_int_equal(session->max_early_data_size, 0);
	resumption_free(resumption);
	resumption = READ("\x00\x09\x3a\x80\0\0\0\0\x00\0\x01"
			  "a"
			  "\0\x08\0\x2a\0\x04\xff\xff\xff\xff");
	assert_non_null(resumption); /* a week, and early data that is not taken */
	assert_int_equal(resumption_seconds(resumption), 86400);
	assert_int_equal(((const mbedtls_ssl_session *)resumption)->max_early_data_size, 0);
	resumption_free(resumption);
}

static void test_ticket_that_is_none(void **state)
{
	struct resumption_secret none = secret;

	(void)state;
	for (size_t n = 0; n < sizeof(TICKET) - 1; n++)
		assert_null(read_ticket(TICKET, n));
	assert_null(READ(TICKET "\0"));
	assert_null(READ("\0\0\0\0\xfa\xd6\xaa\xc5\x02\0\0\0\x03"
			 "abc"
			 "\0\0"));                                       /* no life */
	assert_null(READ("\0\0\0\x1e\xfa\xd6\xaa\xc5\x02\0\0\0\0\0\0")); /* no ticket */
	none.n = 0;
	assert_null(resumption_of_ticket(&none, reader_of(TICKET, sizeof(TICKET) - 1)));
}

static void test_scarce(void **state)
{
	struct resumption *resumption;
	unsigned n = 0;

	(void)state;
	for (;;) {
		scarce_begin(++n);
		resumption = READ_IN_PLACE(TICKET);
		if (!scarce_end())
			break;
		assert_null(resumption);
	}
	assert_non_null(resumption);
	assert_in_range(n, 3, 20);
	resumption_free(resumption);
}

/* --- places --- */

static struct resumptions *resumptions;
static struct judgement *judgement;

static int setup(void **state)
{
	(void)state;
	resumptions = resumptions_new();
	judgement = calloc(1, sizeof(*judgement));
	if (!resumptions || !judgement)
		return -1;
	*judgement = (struct judgement){ .n_refs = 1, .until = 20000 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	resumptions_free(resumptions);
	assert_int_equal(judgement->n_refs, 1); /* nobody else has it any more */
	judgement_unref(judgement);
	return 0;
}

static void key_of(unsigned number, uint8_t key[RESUMPTIONS_KEY])
{
	memset(key, 0, RESUMPTIONS_KEY);
	memcpy(key, &number, sizeof(number));
}

static void keep(unsigned place, uint64_t now)
{
	uint8_t key[RESUMPTIONS_KEY];

	key_of(place, key);
	resumptions_keep(resumptions, key, READ(TICKET), judgement, now);
}

static bool take(unsigned place, uint64_t now)
{
	uint8_t key[RESUMPTIONS_KEY];
	struct judgement *its = NULL;
	struct resumption *resumption;

	key_of(place, key);
	resumption = resumptions_take(resumptions, key, now, &its);
	assert_ptr_equal(its, resumption ? judgement : NULL);
	judgement_unref(its);
	resumption_free(resumption);
	return resumption;
}

static void test_once(void **state)
{
	(void)state;
	assert_false(take(1, 0));
	keep(1, 0);
	keep(1, 0);
	assert_false(take(2, 0));
	assert_true(take(1, 0));
	assert_true(take(1, 0));
	assert_false(take(1, 0));
	for (unsigned i = 0; i < 2 * RESUMPTIONS_OF_PLACE; i++)
		keep(1, 0);
	for (unsigned i = 0; i < RESUMPTIONS_OF_PLACE; i++)
		assert_true(take(1, 0));
	assert_false(take(1, 0));
}

/* Not beyond what the server says, nor beyond what was judged. */
static void test_life(void **state)
{
	(void)state;
	keep(1, 0);
	keep(1, 0);
	assert_true(take(1, 19999));
	assert_false(take(1, 20000));
	keep(1, 20000);
	assert_false(take(1, 20000));
	judgement->until = 1000000;
	keep(1, 0);
	assert_false(take(1, 30000));
	keep(1, 0);
	assert_true(take(1, 29999));
}

static void test_room(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RESUMPTIONS_MAX; i++)
		keep(i, 0);
	keep(0, 0); /* used again: the next one is the oldest */
	keep(RESUMPTIONS_MAX, 0);
	assert_true(take(0, 0));
	assert_false(take(1, 0));
	assert_true(take(2, 0));
	assert_true(take(RESUMPTIONS_MAX, 0));
}

/* --- what makes a place another --- */

static struct hello hello;
static union addr client, server;

static bool is_anybody, is_http1;

static void key_now(uint64_t generation, uint8_t key[RESUMPTIONS_KEY])
{
	struct resumptions_place place = { .client = is_anybody ? NULL : &client,
					   .server = &server,
					   .hello = &hello,
					   .is_http1 = is_http1,
					   .generation = generation };

	assert_true(resumptions_key(&place, key));
}

static void assert_other(uint64_t generation, bool is_other)
{
	static uint8_t before[RESUMPTIONS_KEY];
	uint8_t now[RESUMPTIONS_KEY];

	key_now(generation, now);
	assert_int_equal(memcmp(before, now, sizeof(now)) != 0, is_other);
	memcpy(before, now, sizeof(now));
}

static void test_key(void **state)
{
	(void)state;
	hello = (struct hello){ .host = "a.example", .legacy_version = 0x0303 };
	assert_true(addr_parse("192.0.2.1", 40000, &client));
	assert_true(addr_parse("192.0.2.9", 443, &server));
	assert_other(1, true);
	assert_other(1, false);
	assert_other(2, true);
	assert_true(addr_parse("192.0.2.1", 40001, &client)); /* as each connection */
	assert_other(2, false);
	assert_true(addr_parse("192.0.2.2", 40000, &client));
	assert_other(2, true);
	assert_true(addr_parse("192.0.2.9", 8443, &server));
	assert_other(2, true);
	strcpy(hello.host, "b.example");
	assert_other(2, true);
	hello.suites[hello.n_suites++] = 0x1301;
	assert_other(2, true);
	hello.suites[hello.n_suites++] = 0x0a0a; /* GREASE */
	assert_other(2, false);
	hello.groups.at[hello.groups.n++] = 29;
	assert_other(2, true);
	hello.signature_algorithms.at[hello.signature_algorithms.n++] = 0x0403;
	assert_other(2, true);
	hello.versions.at[hello.versions.n++] = 0x0304;
	assert_other(2, true);
	memcpy(hello.alpn, "\x02h2", 3);
	hello.alpn_length = 3;
	assert_other(2, true);
	is_http1 = true;
	assert_other(2, true);
	is_anybody = true;
	assert_other(2, true);
	assert_true(addr_parse("192.0.2.3", 40000, &client));
	assert_other(2, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticket),
		cmocka_unit_test(test_ticket_that_is_none),
		cmocka_unit_test(test_scarce),
		cmocka_unit_test_setup_teardown(test_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_room, setup, teardown),
		cmocka_unit_test(test_key),
	};

	return tls_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
