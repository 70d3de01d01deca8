/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The grammar of the message and the limits, on hellos made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test/hello_cut.h"
#include "tls/hello.h"

enum { BUFFER_SIZE = 4 * HELLO_MAX };

struct bytes {
	const char *at;
	size_t n;
};

#define BYTES(literal)                                                                             \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	}

static uint8_t framed[BUFFER_SIZE];

struct builder {
	size_t n;
	uint8_t at[HELLO_MAX + 1024];
};

static struct builder message;

static void put(const void *bytes, size_t n)
{
	assert_true(message.n + n <= sizeof(message.at));
	memcpy(message.at + message.n, bytes, n);
	message.n += n;
}

static void put_uint(uint32_t value, size_t width)
{
	while (width-- > 0) {
		uint8_t byte = (uint8_t)(value >> 8 * width);

		put(&byte, 1);
	}
}

/* A vector: its length is written when it ends. */
static size_t vector_begin(size_t width)
{
	put_uint(0, width);
	return message.n;
}

static void vector_end(size_t start, size_t width)
{
	size_t end = message.n;

	message.n = start - width;
	put_uint((uint32_t)(end - start), width);
	message.n = end;
}

static void put_codes(size_t width, unsigned n, uint16_t first)
{
	size_t start = vector_begin(width);

	for (unsigned i = 0; i < n; i++)
		put_uint(first + i, 2);
	vector_end(start, width);
}

/* A sound beginning up to where the extensions start. */
static void message_begin(void)
{
	message.n = 0;
	put_uint(1, 1);
	put_uint(0, 3);
	put_uint(0x0303, 2);
	for (unsigned i = 0; i < 8; i++)
		put_uint(i, 4);
	put_uint(0, 1);
	put("\x00\x02\x13\x01\x01", 5);
	put_uint(0, 1);
}

static enum hello_result message_parse(struct hello *ret_hello)
{
	size_t n;

	vector_end(4, 3);
	n = hello_cut(message.at, message.n, 16384, framed);
	return hello_parse(framed, n, ret_hello);
}

/* A hello with these bytes as its list of extensions. */
static enum hello_result extensions_parse(const void *extensions, size_t n, struct hello *ret_hello)
{
	size_t start;

	message_begin();
	start = vector_begin(2);
	put(extensions, n);
	vector_end(start, 2);
	return message_parse(ret_hello);
}

static void test_limits(void **state)
{
	struct hello hello;
	size_t n, start, body;

	(void)state;
	/* The largest: HELLO_MAX bytes in four records. */
	message_begin();
	start = vector_begin(2);
	put_uint(0x7777, 2);
	body = vector_begin(2);
	message.n = HELLO_MAX - 4 * 5;
	vector_end(body, 2);
	vector_end(start, 2);
	assert_int_equal(message_parse(&hello), HELLO_WHOLE);
	assert_int_equal(hello.wire_length, HELLO_MAX);
	assert_int_equal(hello_parse(framed, HELLO_MAX - 1, &hello), HELLO_SHORT);
	assert_int_equal(hello.needed, HELLO_MAX);
	for (size_t have = 0; have < HELLO_MAX; have += 97) {
		assert_int_equal(hello_parse(framed, have, &hello), HELLO_SHORT);
		assert_in_range(hello.needed, have + 1, HELLO_MAX);
	}

	/* One byte more is known to be too large from its header on. */
	message.n++;
	vector_end(4, 3);
	n = hello_cut(message.at, message.n, 16384, framed);
	assert_int_equal(hello_parse(framed, n, &hello), HELLO_TOO_LARGE);
	assert_int_equal(hello_parse(framed, 9, &hello), HELLO_TOO_LARGE);
	assert_int_equal(
		hello_parse((const uint8_t *)"\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9, &hello),
		HELLO_TOO_LARGE);

	/* Records: as many as may be, then one more. */
	message_begin();
	start = vector_begin(2);
	put_uint(0x7777, 2);
	body = vector_begin(2);
	message.n = HELLO_RECORDS_MAX;
	vector_end(body, 2);
	vector_end(start, 2);
	vector_end(4, 3);
	n = hello_cut(message.at, message.n, 1, framed);
	assert_int_equal(hello_parse(framed, n, &hello), HELLO_WHOLE);
	message.n++;
	vector_end(body, 2);
	vector_end(start, 2);
	vector_end(4, 3);
	n = hello_cut(message.at, message.n, 1, framed);
	assert_int_equal(hello_parse(framed, n, &hello), HELLO_TOO_LARGE);
}

/* The fields before the extensions, and the lack of extensions. */
static void test_body(void **state)
{
	static const struct {
		struct bytes bytes; /* from the session id on */
		enum hello_result want;
	} bodies[] = {
		{ BYTES("\x00\x00\x02\x13\x01\x01\x00"), HELLO_WHOLE },
		{ BYTES("\x00\x00\x02\x13\x01\x01\x00\x00\x00"), HELLO_WHOLE },
		{ BYTES("\x00\x00\x02\x13\x01\x02\x01\x00"), HELLO_WHOLE },
		{ BYTES("\x20"
			"0123456789abcdef0123456789abcdef"
			"\x00\x02\x13\x01\x01\x00"),
		  HELLO_WHOLE },
		{ BYTES("\x21"
			"0123456789abcdef0123456789abcdef0"
			"\x00\x02\x13\x01\x01\x00"),
		  HELLO_MALFORMED },
		{ BYTES("\x00\x00\x00\x01\x00"), HELLO_MALFORMED },             /* no suite */
		{ BYTES("\x00\x00\x03\x13\x01\x13\x01\x00"), HELLO_MALFORMED }, /* half a suite */
		{ BYTES("\x00\x00\x02\x13\x01\x00"), HELLO_MALFORMED },         /* no compression */
		{ BYTES("\x00\x00\x02\x13\x01\x02\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x00\x02\x13\x01"), HELLO_MALFORMED },
		{ BYTES("\x00\x00\x02\x13\x01\x01\x00\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x00\x02\x13\x01\x01\x00\x00\x01"), HELLO_MALFORMED },
		{ BYTES("\x00\x00\x02\x13\x01\x01\x00\x00\x00\x00"),
		  HELLO_MALFORMED }, /* left over */
		{ BYTES("\x00\x00\x02\x13\x01\x01\x00\x00\x03\x00\x17\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x00\x02\x13\x01\x01\x00\x00\x04\x00\x17\x00\x01"), HELLO_MALFORMED },
		{ BYTES(""), HELLO_MALFORMED },
	};
	struct hello hello;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		message_begin();
		message.n = 4 + 2 + 32;
		put(bodies[i].bytes.at, bodies[i].bytes.n);
		assert_int_equal(message_parse(&hello), bodies[i].want);
	}
	message_begin();
	message.n = 4;
	assert_int_equal(message_parse(&hello), HELLO_MALFORMED);
}

static void test_extensions(void **state)
{
	static const struct {
		struct bytes bytes;
		enum hello_result want;
	} cases[] = {
		{ BYTES("\x00\x17\x00\x00\xff\x01\x00\x01\x00"), HELLO_WHOLE },
		{ BYTES("\x00\x17\x00\x00\x00\x17\x00\x00"), HELLO_MALFORMED }, /* twice */
		{ BYTES("\x7a\x7a\x00\x00\x00\x17\x00\x00\x7a\x7a\x00\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x00\x00\x00"), HELLO_MALFORMED }, /* server_name of nothing */
		/* pre_shared_key */
		{ BYTES("\x00\x17\x00\x00\x00\x29\x00\x06\x00\x01x\x00\x01y"), HELLO_WHOLE },
		{ BYTES("\x00\x29\x00\x06\x00\x01x\x00\x01y\x00\x17\x00\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x29\x00\x05\x00\x01x\x00\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x29\x00\x00"), HELLO_MALFORMED },
		/* supported_versions */
		{ BYTES("\x00\x2b\x00\x03\x02\x03\x04"), HELLO_WHOLE },
		{ BYTES("\x00\x2b\x00\x01\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x2b\x00\x04\x03\x03\x04\x03"), HELLO_MALFORMED },
		{ BYTES("\x00\x2b\x00\x04\x02\x03\x04\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x2b\x00\x03\x04\x03\x04\x03\x03"), HELLO_MALFORMED },
		/* supported_groups, signature_algorithms, ec_point_formats */
		{ BYTES("\x00\x0a\x00\x04\x00\x02\x00\x1d"), HELLO_WHOLE },
		{ BYTES("\x00\x0a\x00\x02\x00\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x0a\x00\x03\x00\x01\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x0d\x00\x02\x00\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x0b\x00\x02\x01\x00"), HELLO_WHOLE },
		{ BYTES("\x00\x0b\x00\x01\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x0b\x00\x00"), HELLO_MALFORMED },
		/* key_share */
		{ BYTES("\x00\x33\x00\x02\x00\x00"), HELLO_WHOLE },
		{ BYTES("\x00\x33\x00\x07\x00\x05\x00\x1d\x00\x01k"), HELLO_WHOLE },
		{ BYTES("\x00\x33\x00\x06\x00\x04\x00\x1d\x00\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x33\x00\x07\x00\x05\x00\x1d\x00\x02k"), HELLO_MALFORMED },
		{ BYTES("\x00\x33\x00\x00"), HELLO_MALFORMED },
		/* ALPN */
		{ BYTES("\x00\x10\x00\x05\x00\x03\x02h2"), HELLO_WHOLE },
		{ BYTES("\x00\x10\x00\x02\x00\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x10\x00\x03\x00\x01\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x10\x00\x05\x00\x03\x03h2"), HELLO_MALFORMED },
		{ BYTES("\x00\x10\x00\x06\x00\x03\x02h2x"), HELLO_MALFORMED },
		/* early_data and post_handshake_auth carry nothing */
		{ BYTES("\x00\x2a\x00\x00\x00\x31\x00\x00"), HELLO_WHOLE },
		{ BYTES("\x00\x2a\x00\x01\x00"), HELLO_MALFORMED },
		{ BYTES("\x00\x31\x00\x01\x00"), HELLO_MALFORMED },
		/* session_ticket and encrypted_client_hello are taken as they are */
		{ BYTES("\x00\x23\x00\x02tt\xfe\x0d\x00\x01\x00"), HELLO_WHOLE },
	};
	struct hello hello;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(extensions_parse(cases[i].bytes.at, cases[i].bytes.n, &hello),
				 cases[i].want);
}

/* A hello whose server_name has these names of type host_name. */
static enum hello_result names_parse(const struct bytes *names, size_t n, uint8_t type,
				     struct hello *ret_hello)
{
	size_t start, extension, list;

	message_begin();
	start = vector_begin(2);
	put_uint(0, 2);
	extension = vector_begin(2);
	list = vector_begin(2);
	for (size_t i = 0; i < n; i++) {
		put_uint(type, 1);
		put_uint((uint32_t)names[i].n, 2);
		put(names[i].at, names[i].n);
	}
	vector_end(list, 2);
	vector_end(extension, 2);
	vector_end(start, 2);
	return message_parse(ret_hello);
}

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_server_name(void **state)
{
	static const struct {
		struct bytes name;
		enum hello_result want;
		const char *host;
	} cases[] = {
		{ BYTES("example.com"), HELLO_WHOLE, "example.com" },
		{ BYTES("EXAMPLE.Com."), HELLO_WHOLE, "example.com" },
		{ BYTES("localhost"), HELLO_WHOLE, "localhost" },
		{ BYTES("_dmarc.xn--bcher-kva.example"), HELLO_WHOLE,
		  "_dmarc.xn--bcher-kva.example" },
		{ BYTES("1.2.3.4.example"), HELLO_WHOLE, "1.2.3.4.example" },
		{ BYTES(L63 ".example"), HELLO_WHOLE, L63 ".example" },
		{ BYTES("a" L63 ".example"), HELLO_MALFORMED, "" },
		{ BYTES(L63 "." L63 "." L63 "."
			    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."),
		  HELLO_WHOLE,
		  L63 "." L63 "." L63 "."
		      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
		{ BYTES(L63 "." L63 "." L63 "."
			    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
		  HELLO_MALFORMED, "" },
		/* addresses */
		{ BYTES("192.0.2.1"), HELLO_WHOLE, "" },
		{ BYTES("192.0.2.1."), HELLO_WHOLE, "" },
		{ BYTES("2001:db8::1"), HELLO_WHOLE, "" },
		{ BYTES("192.0.2.1\0.example.com"), HELLO_MALFORMED, "" },
		/* no names */
		{ BYTES(""), HELLO_MALFORMED, "" },
		{ BYTES("."), HELLO_MALFORMED, "" },
		{ BYTES(".example.com"), HELLO_MALFORMED, "" },
		{ BYTES("example..com"), HELLO_MALFORMED, "" },
		{ BYTES("example.com.."), HELLO_MALFORMED, "" },
		{ BYTES("example.com\0"), HELLO_MALFORMED, "" },
		{ BYTES("example.com\0.gov"), HELLO_MALFORMED, "" },
		{ BYTES("*.example.com"), HELLO_MALFORMED, "" },
		{ BYTES("exa mple.com"), HELLO_MALFORMED, "" },
		{ BYTES("example.com\n"), HELLO_MALFORMED, "" },
		{ BYTES("example.com:443"), HELLO_MALFORMED, "" },
		{ BYTES("b\xc3\xbc"
			"cher.example"),
		  HELLO_MALFORMED, "" },
	};
	static const struct bytes two[] = { BYTES("a.example"), BYTES("b.example") };
	struct hello hello;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(names_parse(&cases[i].name, 1, 0, &hello), cases[i].want);
		if (cases[i].want != HELLO_WHOLE)
			continue;
		assert_string_equal(hello.host, cases[i].host);
		assert_int_equal(hello.has_sni, cases[i].host[0] != '\0');
	}
	assert_int_equal(names_parse(two, 2, 0, &hello), HELLO_MALFORMED);
	assert_int_equal(names_parse(two, 0, 0, &hello), HELLO_MALFORMED);
	assert_int_equal(names_parse(two, 1, 1, &hello), HELLO_WHOLE);
	assert_false(hello.has_sni);
}

/* Lists longer than what is kept: the first entries. */
static void test_long_lists(void **state)
{
	struct hello hello;
	size_t start, extension, list, at = 0, n, n_names = 0;

	(void)state;
	message_begin();
	message.n = 4 + 2 + 32 + 1;
	put_codes(2, HELLO_SUITES_MAX + 100, 1);
	put("\x01\x00", 2);
	start = vector_begin(2);
	put_uint(10, 2);
	extension = vector_begin(2);
	put_codes(2, HELLO_LIST_MAX + 1, 1);
	vector_end(extension, 2);
	put_uint(11, 2);
	extension = vector_begin(2);
	put("\x14"
	    "0123456789abcdefghij",
	    21);
	vector_end(extension, 2);
	put_uint(16, 2);
	extension = vector_begin(2);
	list = vector_begin(2);
	for (unsigned i = 0; i < 2000; i++)
		put("\x02h2", 3);
	vector_end(list, 2);
	vector_end(extension, 2);
	for (unsigned i = 0; i < 2 * HELLO_LIST_MAX; i++) {
		put_uint(0x1000 + i, 2);
		put_uint(0, 2);
	}
	put("\x00\x31\x00\x00", 4); /* not kept in the list, and seen all the same */
	vector_end(start, 2);
	assert_int_equal(message_parse(&hello), HELLO_WHOLE);
	assert_int_equal(hello.n_suites, HELLO_SUITES_MAX);
	assert_int_equal(hello.suites[HELLO_SUITES_MAX - 1], HELLO_SUITES_MAX);
	assert_int_equal(hello.groups.n, HELLO_LIST_MAX);
	assert_int_equal(hello.n_point_formats, sizeof(hello.point_formats));
	assert_int_equal(hello.extensions.n, HELLO_LIST_MAX);
	assert_true(hello.has_post_handshake_auth);
	assert_int_equal(hello.alpn_length, HELLO_ALPN_MAX / 3 * 3);
	while (hello_alpn_next(&hello, &at, &n))
		n_names++;
	assert_int_equal(n_names, HELLO_ALPN_MAX / 3);
}

static void test_versions(void **state)
{
	static const struct {
		uint16_t legacy, n, versions[4], min, max;
	} cases[] = {
		{ 0x0303, 0, { 0 }, 0x0303, 0x0303 },
		{ 0x0301, 0, { 0 }, 0x0301, 0x0301 },
		{ 0x0304, 0, { 0 }, 0x0303, 0x0303 },
		{ 0x0002, 0, { 0 }, 0, 0 },
		{ 0x0303, 4, { 0x2a2a, 0x0304, 0x0303, 0x7f1c }, 0x0303, 0x0304 },
		{ 0x0303, 2, { 0x0302, 0x0301 }, 0x0301, 0x0302 },
		{ 0x0303, 2, { 0x7f1c, 0xfafa }, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hello hello = { .legacy_version = cases[i].legacy };

		hello.versions.n = cases[i].n;
		memcpy(hello.versions.at, cases[i].versions, sizeof(cases[i].versions));
		assert_int_equal(hello_version_min(&hello), cases[i].min);
		assert_int_equal(hello_version_max(&hello), cases[i].max);
	}
}

static void test_grease(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned code = 0; code <= UINT16_MAX; code++)
		n += hello_is_grease((uint16_t)code);
	assert_int_equal(n, 16);
	assert_true(hello_is_grease(0x0a0a) && hello_is_grease(0xfafa));
	assert_false(hello_is_grease(0x0a1a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),     cmocka_unit_test(test_body),
		cmocka_unit_test(test_extensions), cmocka_unit_test(test_server_name),
		cmocka_unit_test(test_long_lists), cmocka_unit_test(test_versions),
		cmocka_unit_test(test_grease),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
