/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real hellos, the records around them, and what is no hello. Grammar: hello_grammar_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/hello_cut.h"
#include "tls/hello.h"

enum { BUFFER_SIZE = 4 * HELLO_MAX };

/* --- real hellos ---------------------------------------------------------------------------- */

/* What tshark and the clients' own settings say of the files in data/hello. */
struct captured {
	const char *file;
	size_t wire_length; /* openssl_early_data has early data behind it */
	const char *host;
	const char *alpn; /* names, each with a blank behind it */
	uint16_t version_min, version_max;
	unsigned n_suites, n_extensions, n_groups, n_shares, n_algorithms;
	uint16_t first_share; /* GREASE left aside */
	const char *flags;    /* ticket, session id, psk, early data, post handshake auth, ech */
};

static const struct captured captured[] = {
	{ "chromium", 1923, "www.example.com", "h2 http/1.1 ", 0x0303, 0x0304, 16, 19, 5, 3, 12,
	  4588, " s   e" },
	{ "curl", 517, "www.example.com", "h2 http/1.1 ", 0x0301, 0x0304, 31, 12, 10, 1, 20, 29,
	  " s  a " },
	{ "curl_no_sni", 517, "", "h2 http/1.1 ", 0x0301, 0x0304, 31, 11, 10, 1, 20, 29, " s  a " },
	{ "curl_tls12", 226, "www.example.com", "h2 http/1.1 ", 0x0303, 0x0303, 28, 7, 5, 0, 20, 0,
	  "      " },
	{ "gnutls", 397, "www.example.com", "", 0x0301, 0x0304, 29, 13, 10, 2, 16, 23, " s    " },
	{ "node", 388, "www.example.com", "http/1.1 ", 0x0303, 0x0304, 59, 11, 10, 1, 20, 29,
	  " s    " },
	{ "nss", 517, "www.example.com", "", 0x0303, 0x0304, 35, 11, 9, 1, 15, 29, "      " },
	{ "openssl", 339, "www.example.com", "h2 http/1.1 ", 0x0301, 0x0304, 31, 11, 10, 1, 20, 29,
	  " s    " },
	{ "openssl_early_data", 420, "www.example.com", "", 0x0301, 0x0304, 31, 12, 10, 1, 20, 29,
	  " spd  " },
	{ "openssl_ticket12", 420, "www.example.com", "", 0x0303, 0x0303, 28, 7, 5, 0, 20, 0,
	  "ts    " },
	{ "openssl_tls11", 104, "", "", 0x0302, 0x0302, 9, 5, 5, 0, 0, 0, "      " },
	{ "python", 517, "www.example.com", "http/1.1 ", 0x0301, 0x0304, 31, 12, 10, 1, 20, 29,
	  " s    " },
	/* this one asked for WWW.Example.COM */
	{ "python_pha", 517, "www.example.com", "", 0x0301, 0x0304, 31, 12, 10, 1, 20, 29,
	  " s  a " },
};

static uint8_t wire[BUFFER_SIZE];
static size_t n_wire;

static void captured_load(const char *name)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), POSTERN_TEST_DATA "/hello/%s.bin", name);
	file = fopen(path, "rb");
	assert_non_null(file);
	n_wire = fread(wire, 1, sizeof(wire), file);
	fclose(file);
}

static uint16_t first_share(const struct hello *hello)
{
	for (unsigned i = 0; i < hello->key_shares.n; i++)
		if (!hello_is_grease(hello->key_shares.at[i]))
			return hello->key_shares.at[i];
	return 0;
}

static void test_captured(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(captured) / sizeof(captured[0]); i++) {
		const struct captured *want = &captured[i];
		struct hello hello;
		char alpn[64] = "", flags[7];
		size_t at = 0, n;
		const uint8_t *name;

		captured_load(want->file);
		assert_int_equal(hello_parse(wire, n_wire, &hello), HELLO_WHOLE);
		assert_int_equal(hello.wire_length, want->wire_length);
		assert_string_equal(hello.host, want->host);
		assert_int_equal(hello.has_sni, want->host[0] != '\0');
		assert_int_equal(hello_version_min(&hello), want->version_min);
		assert_int_equal(hello_version_max(&hello), want->version_max);
		assert_int_equal(hello.n_suites, want->n_suites);
		assert_int_equal(hello.extensions.n, want->n_extensions);
		assert_int_equal(hello.groups.n, want->n_groups);
		assert_int_equal(hello.key_shares.n, want->n_shares);
		assert_int_equal(hello.signature_algorithms.n, want->n_algorithms);
		assert_int_equal(first_share(&hello), want->first_share);
		while ((name = hello_alpn_next(&hello, &at, &n)))
			snprintf(alpn + strlen(alpn), sizeof(alpn) - strlen(alpn), "%.*s ", (int)n,
				 (const char *)name);
		assert_string_equal(alpn, want->alpn);
		snprintf(flags, sizeof(flags), "%c%c%c%c%c%c", hello.has_ticket ? 't' : ' ',
			 hello.has_session_id ? 's' : ' ', hello.has_psk ? 'p' : ' ',
			 hello.has_early_data ? 'd' : ' ',
			 hello.has_post_handshake_auth ? 'a' : ' ', hello.has_ech ? 'e' : ' ');
		assert_string_equal(flags, want->flags);
	}
}

/* Every prefix is SHORT, asks for more than is there, and never for more than the hello has. */
static void test_prefixes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(captured) / sizeof(captured[0]); i++) {
		captured_load(captured[i].file);
		for (size_t n = 0; n < captured[i].wire_length; n++) {
			uint8_t *prefix = malloc(n ? n : 1); /* its end is where ASan looks */
			struct hello hello;

			memcpy(prefix, wire, n);
			assert_int_equal(hello_parse(prefix, n, &hello), HELLO_SHORT);
			assert_in_range(hello.needed, n + 1, captured[i].wire_length);
			free(prefix);
		}
	}
}

/* --- records -------------------------------------------------------------------------------- */

static uint8_t framed[BUFFER_SIZE];

static void test_message(void **state)
{
	static uint8_t message[HELLO_MAX];
	size_t n;

	(void)state;
	captured_load("chromium");
	n = hello_message(wire, 1923, message, sizeof(message));
	assert_int_equal(n, 1918);
	assert_memory_equal(message, wire + 5, n);
	assert_int_equal(hello_message(wire, 1923, message, 1918), 1918);
	assert_int_equal(hello_message(wire, 1923, message, 1917), 0);

	n = hello_cut(wire + 5, 1918, 7, framed);
	memset(message, 0, sizeof(message));
	assert_int_equal(hello_message(framed, n, message, n), 1918);
	assert_memory_equal(message, wire + 5, 1918);
}

/* Without records: the same facts, and nothing behind them. */
static void test_message_alone(void **state)
{
	static uint8_t message[HELLO_MAX];
	struct hello whole, alone;

	(void)state;
	for (size_t i = 0; i < sizeof(captured) / sizeof(captured[0]); i++) {
		size_t n;

		captured_load(captured[i].file);
		assert_int_equal(hello_parse(wire, n_wire, &whole), HELLO_WHOLE);
		n = hello_message(wire, whole.wire_length, message, sizeof(message));
		assert_true(hello_parse_message(message, n, &alone));
		assert_int_equal(alone.wire_length, n);
		assert_true(hello_is_same(&alone, &whole));
		for (size_t prefix = 0; prefix < n; prefix++)
			assert_false(hello_parse_message(message, prefix, &alone));
		message[n] = 0;
		assert_false(hello_parse_message(message, n + 1, &alone));
		message[0] = 2;
		assert_false(hello_parse_message(message, n, &alone));
	}
}

/* However it is cut, the same facts; also when more follows. */
static void test_cut_into_records(void **state)
{
	static const char *const files[] = { "chromium", "curl", "openssl_tls11" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct hello whole, cut;
		size_t n_message;

		captured_load(files[i]);
		n_message = n_wire - 5;
		assert_int_equal(hello_parse(wire, n_wire, &whole), HELLO_WHOLE);
		for (size_t size = 1; size <= n_message; size++) {
			size_t n = hello_cut(wire + 5, n_message, size, framed);

			framed[n] = 'x';
			assert_int_equal(hello_parse(framed, n + 1, &cut), HELLO_WHOLE);
			assert_int_equal(cut.wire_length, n);
			assert_true(hello_is_same(&cut, &whole));
			assert_int_equal(hello_parse(framed, n - 1, &cut), HELLO_SHORT);
		}
	}
}

/* Who waits for `needed` looks a few times only, however small the records; prefixes stay SHORT. */
static void test_one_byte_records(void **state)
{
	struct hello hello = { .needed = 0 };
	unsigned n_looks = 0;
	enum hello_result result;
	size_t n_message, n;

	(void)state;
	captured_load("chromium");
	n_message = n_wire - 5;
	n = hello_cut(wire + 5, n_message, 1, framed);
	for (size_t have = 0; have < n; have++) {
		assert_int_equal(hello_parse(framed, have, &hello), HELLO_SHORT);
		assert_in_range(hello.needed, have + 1, n);
	}
	hello.needed = 0;
	do {
		result = hello_parse(framed, hello.needed, &hello);
		n_looks++;
	} while (result == HELLO_SHORT);
	assert_int_equal(result, HELLO_WHOLE);
	assert_in_range(n_looks, 1, 60);
}

/* --- not a hello ---------------------------------------------------------------------------- */

struct bytes {
	const char *at;
	size_t n;
};

#define BYTES(literal)                                                                             \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	}

static void each_prefix_is(const struct bytes *bytes, size_t n_short, enum hello_result want)
{
	for (size_t n = 0; n <= bytes->n; n++) {
		struct hello hello;
		enum hello_result result = hello_parse((const uint8_t *)bytes->at, n, &hello);

		assert_int_equal(result, n <= n_short ? HELLO_SHORT : want);
		if (result == HELLO_SHORT)
			assert_in_range(hello.needed, n + 1, HELLO_MAX);
	}
}

static void test_not_tls(void **state)
{
	static const struct bytes first[] = {
		BYTES("GET / HTTP/1.1\r\n"),
		BYTES("SSH-2.0-OpenSSH_9.2\r\n"),
		BYTES("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10"), /* SSLv2's hello */
		BYTES("\x00\x00\x00\x08\x04\xd2\x16\x2f"),             /* PostgreSQL asks for TLS */
		BYTES("\x18\x03\x03\x00\x03\x01\x00\x00"),             /* heartbeat */
	};
	static const struct bytes second[] = { BYTES("\x16\x04\x01"), BYTES("\x16stop") };
	struct hello hello;

	(void)state;
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		each_prefix_is(&first[i], 0, HELLO_NOT_TLS);
	for (size_t i = 0; i < sizeof(second) / sizeof(second[0]); i++)
		each_prefix_is(&second[i], 1, HELLO_NOT_TLS);
	assert_int_equal(hello_parse(NULL, 0, &hello), HELLO_SHORT);
	assert_int_equal(hello.needed, 1);
}

/* TLS that some stack might follow to a hello: never "not TLS", which may be a reason to pass. */
static void test_other_beginnings(void **state)
{
	static const struct bytes second[] = {
		BYTES("\x15\x03\x01\x00\x02\x01\x64\x16\x03\x01"), /* a warning alert first */
		BYTES("\x14\x03\x03\x00\x01\x01\x16\x03\x01"),     /* ChangeCipherSpec first */
		BYTES("\x17\x03\x03\x00\x01\x00\x16\x03\x01"),
		BYTES("\x16\x00\x00\x00\x05\x01"), /* mbedTLS overlooks such a version */
		BYTES("\x16\x02\x00\x00\x05\x01"),
	};
	static const struct bytes fifth[] = {
		BYTES("\x16\x03\x01\x00\x00\x01"), /* empty record */
		BYTES("\x16\x03\x01\x40\x01\x01"), /* 16385 bytes */
	};
	static const struct bytes sixth[] = {
		BYTES("\x16\x03\x03\x00\x04\x00\x00\x00\x00"), /* HelloRequest */
		BYTES("\x16\x03\x03\x00\x01\x02"),             /* ServerHello, first byte */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(second) / sizeof(second[0]); i++)
		each_prefix_is(&second[i], 1, HELLO_MALFORMED);
	for (size_t i = 0; i < sizeof(fifth) / sizeof(fifth[0]); i++)
		each_prefix_is(&fifth[i], 4, HELLO_MALFORMED);
	for (size_t i = 0; i < sizeof(sixth) / sizeof(sixth[0]); i++)
		each_prefix_is(&sixth[i], 5, HELLO_MALFORMED);
}

static void test_records_broken(void **state)
{
	struct hello hello;
	size_t n;

	(void)state;
	captured_load("curl");
	n = hello_cut(wire + 5, 512, 100, framed);
	for (uint8_t type = 0; type < 30; type++) { /* of the second record */
		framed[105] = type;
		assert_int_equal(hello_parse(framed, n, &hello),
				 type == 22 ? HELLO_WHOLE : HELLO_MALFORMED);
	}
	framed[105] = 22;
	framed[106] = 2;
	assert_int_equal(hello_parse(framed, n, &hello), HELLO_MALFORMED);
	framed[106] = 3;
	memset(framed + 108, 0, 2);
	assert_int_equal(hello_parse(framed, n, &hello), HELLO_MALFORMED);

	/* A second message in the hello's record; seen before the record is whole. */
	n = hello_cut(wire + 5, 513, 600, framed);
	assert_int_equal(hello_parse(framed, n, &hello), HELLO_MALFORMED);
	assert_int_equal(hello_parse(framed, 9, &hello), HELLO_MALFORMED);
	assert_int_equal(hello_parse(framed, 8, &hello), HELLO_SHORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_captured),         cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_message),          cmocka_unit_test(test_message_alone),
		cmocka_unit_test(test_cut_into_records), cmocka_unit_test(test_one_byte_records),
		cmocka_unit_test(test_not_tls),          cmocka_unit_test(test_other_beginnings),
		cmocka_unit_test(test_records_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
