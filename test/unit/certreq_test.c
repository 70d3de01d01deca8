/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "test/unit/scarce.h"
#include "tls/certreq.h"

enum { TLS1_2 = 0x0303, TLS1_3 = 0x0304 };

static const char first_name[] = "CN=Client CA\\, One,OU=PKI,O=U.S. Government,C=US";
static const char second_name[] = "CN=Client CA 2,O=Z\\C3\\BCrich \\C3\\84pfel,C=CH";
/* Of the two names' DER, computed apart. */
static const char names_hash[] = "01860ea9f1d491b6731d91c82dab09a198263ffd877a9a47ddccc735987da067";

static const struct captured {
	const char *file;
	uint16_t version;
	unsigned n_names, n_algorithms;
} captured[] = {
	{ "openssl_tls12", TLS1_2, 2, 20 },          { "openssl_tls13", TLS1_3, 2, 16 },
	{ "openssl_no_names_tls12", TLS1_2, 0, 20 }, { "openssl_no_names_tls13", TLS1_3, 0, 16 },
	{ "gnutls_tls12", TLS1_2, 2, 16 },           { "gnutls_tls13", TLS1_3, 2, 16 },
};

static uint8_t body[70000];
static size_t n_body;

static void captured_load(const char *name)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), POSTERN_TEST_DATA "/certreq/%s.bin", name);
	file = fopen(path, "rb");
	assert_non_null(file);
	n_body = fread(body, 1, sizeof(body), file);
	fclose(file);
}

static void test_captured(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(captured) / sizeof(captured[0]); i++) {
		struct certreq request;
		char hash[65] = "";

		captured_load(captured[i].file);
		assert_int_equal(certreq_parse(body, n_body, captured[i].version, &request), 0);
		assert_true(request.is_complete);
		assert_int_equal(request.n_names, captured[i].n_names);
		assert_int_equal(request.n_kept, captured[i].n_names);
		assert_int_equal(request.n_signature_algorithms, captured[i].n_algorithms);
		for (size_t j = 0; j < sizeof(request.names_sha256); j++)
			snprintf(hash + 2 * j, 3, "%02x", request.names_sha256[j]);
		if (captured[i].n_names > 0) {
			assert_string_equal(request.names[0], first_name);
			assert_string_equal(request.names[1], second_name);
			assert_string_equal(hash, names_hash);
		} else {
			assert_int_equal(strspn(hash, "0"), 64);
			assert_null(request.names);
		}
		certreq_deinit(&request);
		assert_null(request.names);
	}
}

/* A cut body is a request all the same; names that are whole are kept. */
static void test_prefixes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(captured) / sizeof(captured[0]); i++) {
		unsigned n_names = 0;

		captured_load(captured[i].file);
		for (size_t n = 0; n < n_body; n++) {
			uint8_t *prefix = malloc(n ? n : 1);
			struct certreq request;

			memcpy(prefix, body, n);
			assert_int_equal(certreq_parse(prefix, n, captured[i].version, &request),
					 0);
			assert_false(request.is_complete);
			assert_in_range(request.n_names, n_names, captured[i].n_names);
			n_names = request.n_names;
			certreq_deinit(&request);
			free(prefix);
		}
		/* A byte too many is noticed, and the other version's grammar does no harm. */
		body[n_body] = 0;
		for (unsigned version = TLS1_2; version <= TLS1_3; version++) {
			struct certreq request;

			assert_int_equal(
				certreq_parse(body, n_body + 1, (uint16_t)version, &request), 0);
			assert_false(request.is_complete);
			certreq_deinit(&request);
		}
	}
}

static void put(const void *bytes, size_t n)
{
	memcpy(body + n_body, bytes, n);
	n_body += n;
}

static void put_length(size_t n)
{
	const uint8_t length[] = { (uint8_t)(n >> 8), (uint8_t)n };

	put(length, sizeof(length));
}

/* The TLS 1.2 form with these bytes as its list of authorities. */
static void names_parse(const void *names, size_t n, struct certreq *ret_request)
{
	n_body = 0;
	put("\x01\x01\x00\x02\x04\x03", 6);
	put_length(n);
	put(names, n);
	assert_int_equal(certreq_parse(body, n_body, TLS1_2, ret_request), 0);
}

/* Control characters and quotes do not get out; what is no name is dumped. */
static void test_hostile_names(void **state)
{
	static const struct {
		const char *list;
		size_t n;
		const char *want;
		bool is_complete;
	} cases[] = {
#define CASE(list, want, is_complete) { list, sizeof(list) - 1, want, is_complete }
#define CN(length, set, sequence, pair, string)                                                    \
	length "\x30" set "\x31" sequence "\x30" pair "\x06\x03\x55\x04\x03\x0c" string
		CASE(CN("\x00\x11", "\x0f", "\x0d", "\x0b",
			"\x04"
			"a\nb\""),
		     "CN=a\\0Ab\\\"", true),
		CASE(CN("\x00\x10", "\x0e", "\x0c", "\x0a",
			"\x03"
			"a\0b"),
		     "CN=a\\00b", true),
		CASE(CN("\x00\x11", "\x0f", "\x0d", "\x0b",
			"\x04"
			"\x1b[2J"),
		     "CN=\\1B[2J", true),
		/* the string is no UTF-8 */
		CASE(CN("\x00\x0e", "\x0c", "\x0a", "\x08",
			"\x01"
			"\xff"),
		     "#300c310a300806035504030c01ff", true),
		CASE("\x00\x02\x30\x00", "", true), /* the empty name */
		CASE("\x00\x02xy", "#7879", true),
		CASE("\x00\x03\x30\x00\x00", "#300000", true), /* a byte behind the name */
		CASE("\x00\x00\x00\x02\x30\x00", "", false),   /* a name of no bytes is skipped */
		CASE("\x00\x02\x30\x00\x00\x05\x30", "", false),
#undef CN
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct certreq request;

		names_parse(cases[i].list, cases[i].n, &request);
		assert_int_equal(request.n_names, 1);
		assert_int_equal(request.is_complete, cases[i].is_complete);
		assert_string_equal(request.names[0], cases[i].want);
		certreq_deinit(&request);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

/* More names than are kept, and names longer than what is kept of one. */
static void test_many_names(void **state)
{
	static uint8_t list[302 + 599 * 79];
	/* 30 82 len 31 82 len 30 82 len 06 03 550403 0c 82 len text */
	static const uint8_t head[] = { 0x01, 0x2c, 0x30, 0x82, 0x01, 0x28, 0x31, 0x82,
					0x01, 0x24, 0x30, 0x82, 0x01, 0x20, 0x06, 0x03,
					0x55, 0x04, 0x03, 0x0c, 0x82, 0x01, 0x17 };
	static const uint8_t short_head[] = { 0x00, 0x4d, 0x30, 0x4b, 0x31, 0x49, 0x30, 0x47,
					      0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x40 };
	struct certreq request, again;
	size_t n = sizeof(head) + 279;

	(void)state;
	memcpy(list, head, sizeof(head));
	memset(list + sizeof(head), 'a', 279);
	for (unsigned i = 1; i < 600; i++) {
		memcpy(list + n, short_head, sizeof(short_head));
		memset(list + n + sizeof(short_head), 'a', 64);
		n += sizeof(short_head) + 64;
	}
	assert_int_equal(n, sizeof(list));
	names_parse(list, n, &request);
	assert_true(request.is_complete);
	assert_int_equal(request.n_names, 600);
	assert_int_equal(request.n_kept, CERTREQ_NAMES_MAX);
	for (unsigned i = 0; i < request.n_kept; i++) {
		assert_int_equal(strlen(request.names[i]), i > 0 ? 3 + 64 : CERTREQ_NAME_SIZE - 1);
		assert_memory_equal(request.names[i], "CN=aaa", 6);
	}

	/* The hash covers names that are not kept. */
	list[n - 1] = 'b';
	names_parse(list, n, &again);
	assert_memory_not_equal(request.names_sha256, again.names_sha256, 32);
	certreq_deinit(&again);
	certreq_deinit(&request);
}

static void test_tls13_extensions(void **state)
{
	static const char names_twice[] = "\x00\x00\x10\x00\x2f\x00\x04\x00\x02\x30\x00"
					  "\x00\x2f\x00\x04\x00\x02\x30\x00";
	static const char no_extensions[] = "\x00\x00\x00";
	struct certreq request;

	(void)state;
	assert_int_equal(certreq_parse((const uint8_t *)no_extensions, 3, TLS1_3, &request), 0);
	assert_true(request.is_complete);
	assert_int_equal(request.n_names, 0);
	certreq_deinit(&request);
	assert_int_equal(certreq_parse((const uint8_t *)names_twice, 19, TLS1_3, &request), 0);
	assert_false(request.is_complete);
	certreq_deinit(&request);
	certreq_deinit(NULL);
}

/* A request of which nothing was kept is none that named nobody. */
static void test_scarce(void **state)
{
	struct certreq request = { .n_kept = 7 };
	unsigned n = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(captured) / sizeof(captured[0]); i++) {
		captured_load(captured[i].file);
		for (n = 1;; n++) {
			int r;

			scarce_begin(n);
			r = certreq_parse(body, n_body, captured[i].version, &request);
			if (!scarce_end())
				break;
			assert_int_equal(r, -ENOMEM);
			assert_int_equal(request.n_kept, 7);
		}
		assert_int_equal(n, captured[i].n_names + 1);
		certreq_deinit(&request);
		request.n_kept = 7;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_captured),         cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_hostile_names),    cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_tls13_extensions), cmocka_unit_test(test_scarce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
