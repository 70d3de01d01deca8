/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every parser of hostile bytes stands on, and addresses. */
#include "test/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/reader.h"

/* In memory of its own and of just that size, so that AddressSanitizer sees a byte too far. */
static uint8_t *copy_of(const char *bytes, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	return copy;
}

static void test_integers(void **state)
{
	uint8_t *bytes = copy_of("\x01\x02\x03\x04\x05\x06\xff\xff\xff\xff", 10);
	struct reader r = reader_of(bytes, 10);

	(void)state;
	assert_int_equal(reader_u8(&r), 0x01);
	assert_int_equal(reader_u16(&r), 0x0203);
	assert_int_equal(reader_u24(&r), 0x040506);
	assert_int_equal(reader_left(&r), 4);
	assert_int_equal(reader_uint(&r, 4), 0xffffffff);
	assert_int_equal(reader_left(&r), 0);
	assert_true(reader_ok(&r));
	free(bytes);
}

/* One read too far poisons all that follow, even those that would fit. */
static void test_poison(void **state)
{
	uint8_t *bytes = copy_of("\x01\x02\x03", 3);

	(void)state;
	for (size_t n = 0; n <= 3; n++) {
		struct reader r = reader_of(bytes, n);

		assert_int_equal(reader_uint(&r, 4), 0);
		assert_false(reader_ok(&r));
		assert_int_equal(reader_left(&r), 0);
		assert_int_equal(reader_u8(&r), 0);
		assert_null(reader_bytes(&r, 0));
		assert_int_equal(reader_left(&r), 0);
		assert_false(reader_ok(&r));
	}
	struct reader r = reader_of(bytes, 3);

	assert_null(reader_bytes(&r, SIZE_MAX));
	assert_false(reader_ok(&r));
	free(bytes);
}

static void test_vectors(void **state)
{
	uint8_t *bytes = copy_of("\x02\xaa\xbb\x00\x02\xcc\xdd\x00\x00\x01\xee\x09", 12);
	struct reader r = reader_of(bytes, 12), inner = reader_vector(&r, 1);

	(void)state;
	assert_int_equal(reader_left(&inner), 2);
	assert_int_equal(reader_u16(&inner), 0xaabb);
	/* A vector ends where its length says, though the outer reader goes on. */
	assert_int_equal(reader_u8(&inner), 0);
	assert_false(reader_ok(&inner));
	assert_true(reader_ok(&r));
	inner = reader_vector(&r, 2);
	assert_int_equal(reader_u16(&inner), 0xccdd);
	inner = reader_vector(&r, 3);
	assert_int_equal(reader_u8(&inner), 0xee);
	assert_true(reader_ok(&inner));
	/* The last one claims nine bytes of none: both are poisoned, and neither has anything. */
	inner = reader_vector(&r, 1);
	assert_false(reader_ok(&inner));
	assert_false(reader_ok(&r));
	assert_int_equal(reader_left(&inner), 0);
	assert_int_equal(reader_u8(&inner), 0);
	free(bytes);
}

/* A vector is cut, or its length is: the same whatever the width. */
static void test_cut_vectors(void **state)
{
	static const char whole[] = "\x00\x00\x00\x03xyz";

	(void)state;
	for (size_t width = 1; width <= 4; width++)
		for (size_t n = 0; n <= width + 3; n++) {
			uint8_t *bytes = copy_of(whole + 4 - width, n);
			struct reader r = reader_of(bytes, n), inner = reader_vector(&r, width);
			bool is_whole = n == width + 3;

			assert_int_equal(reader_ok(&r), is_whole);
			assert_int_equal(reader_ok(&inner), is_whole);
			assert_int_equal(reader_left(&inner), is_whole ? 3 : 0);
			free(bytes);
		}
}

static void test_nothing(void **state)
{
	static const uint8_t zero[] = { 0 };
	struct reader r = reader_of(NULL, 0), inner;

	(void)state;
	assert_int_equal(reader_left(&r), 0);
	reader_bytes(&r, 0);
	assert_true(reader_ok(&r));
	assert_int_equal(reader_u8(&r), 0);
	assert_false(reader_ok(&r));
	/* No bytes at no place, whatever the length says. */
	r = reader_of(NULL, 7);
	assert_int_equal(reader_left(&r), 0);
	/* An empty vector is a vector. */
	r = reader_of(zero, 1);
	inner = reader_vector(&r, 1);
	assert_true(reader_ok(&r) && reader_ok(&inner));
	assert_int_equal(reader_left(&inner), 0);
	assert_non_null(reader_bytes(&inner, 0));
	assert_true(reader_ok(&inner));
}

/* --- addresses --- */

static void test_addr_text(void **state)
{
	static const char *const good[] = { "192.0.2.1", "0.0.0.0", "2001:db8::1",
					    "::", "::ffff:192.0.2.1" };
	static const char *const bad[] = { "",           "192.0.2",  "192.0.2.1.", "192.0.2.256",
					   "192.0.2.1 ", "[::1]",    "::1%lo",     "2001:db8:::1",
					   "localhost",  "1.2.3.4/8" };
	char text[ADDR_TEXT_MAX];
	union addr addr;

	(void)state;
	for (unsigned i = 0; i < N_OF(good); i++) {
		assert_true(addr_parse(good[i], 443, &addr));
		assert_string_equal(addr_text(&addr, text), good[i]);
		assert_int_equal(addr_port(&addr), 443);
		addr_set_port(&addr, 65535);
		assert_int_equal(addr_port(&addr), 65535);
	}
	memset(&addr, 0x5a, sizeof(addr));
	for (unsigned i = 0; i < N_OF(bad); i++)
		assert_false(addr_parse(bad[i], 443, &addr));
	assert_int_equal(addr.v6.sin6_port, 0x5a5a); /* untouched */
	addr = (union addr){ 0 };
	assert_string_equal(addr_text(&addr, text), "-");
}

static void test_addr_equal(void **state)
{
	union addr a, b, none = { 0 };
	size_t n;

	(void)state;
	assert_true(addr_parse("192.0.2.1", 443, &a));
	assert_true(addr_parse("192.0.2.1", 443, &b));
	assert_int_equal(addr_len(&a), sizeof(struct sockaddr_in));
	assert_memory_equal(addr_bytes(&a, &n), "\xc0\x00\x02\x01", 4);
	assert_int_equal(n, 4);
	assert_true(addr_equal(&a, &b));
	addr_set_port(&b, 444);
	assert_false(addr_equal(&a, &b));
	assert_true(addr_parse("192.0.2.2", 443, &b));
	assert_false(addr_equal(&a, &b));
	assert_false(addr_equal(&a, &none));
	assert_true(addr_equal(&none, &none));
	/* The same four bytes, and twelve more. */
	assert_true(addr_parse("c000:201::", 443, &b));
	assert_int_equal(addr_len(&b), sizeof(struct sockaddr_in6));
	assert_false(addr_equal(&a, &b));
	assert_true(addr_parse("::ffff:192.0.2.1", 443, &b));
	assert_false(addr_equal(&a, &b));
	assert_null(addr_bytes(&none, &n));
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),   cmocka_unit_test(test_poison),
		cmocka_unit_test(test_vectors),    cmocka_unit_test(test_cut_vectors),
		cmocka_unit_test(test_nothing),    cmocka_unit_test(test_addr_text),
		cmocka_unit_test(test_addr_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
