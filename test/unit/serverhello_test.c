/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The small readers of the server's side: serverhello, and names for what they find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/names.h"
#include "tls/serverhello.h"

#define RANDOM "0123456789abcdef0123456789abcdef"
#define HEAD "\x03\x03" RANDOM "\x20" RANDOM "\x13\x02\x00"

struct message {
	const char *at;
	size_t n;
	uint16_t want;
};

#define MESSAGE(bytes, want)                                                                       \
	{                                                                                          \
		bytes, sizeof(bytes) - 1, want                                                     \
	}

/* Each whole message gives its group, each prefix that group or none. */
static void check(uint16_t (*group)(const uint8_t *, size_t), const struct message *message)
{
	assert_int_equal(group((const uint8_t *)message->at, message->n), message->want);
	for (size_t n = 0; n < message->n; n++) {
		uint8_t *prefix = malloc(n ? n : 1);
		uint16_t found;

		memcpy(prefix, message->at, n);
		found = group(prefix, n);
		assert_true(found == 0 || found == message->want);
		free(prefix);
	}
}

static void test_serverhello(void **state)
{
	static const struct message messages[] = {
		/* openssl s_server, with a share cut short here, and its HelloRetryRequest */
		MESSAGE(HEAD "\x00\x12\x00\x2b\x00\x02\x03\x04\x00\x33\x00\x08\x00\x1d\x00\x04keys",
			29),
		MESSAGE(HEAD "\x00\x0c\x00\x2b\x00\x02\x03\x04\x00\x33\x00\x02\x00\x18", 24),
		MESSAGE(HEAD "\x00\x06\x00\x2b\x00\x02\x03\x04", 0),
		MESSAGE(HEAD "\x00\x05\x00\x33\x00\x01\x18", 0),
		MESSAGE(HEAD "\x00\x05\x00\x33\x00\x02\x18", 0),
		MESSAGE(HEAD, 0), /* TLS 1.2 may have no extensions */
		MESSAGE("", 0),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		check(serverhello_group, &messages[i]);
}

static void test_serverkeyexchange(void **state)
{
	static const struct message messages[] = {
		MESSAGE("\x03\x00\x18\x61\x04\xa5", 24),
		MESSAGE("\x03\x00\x1d\x20", 29),
		MESSAGE("\x01\x00\x1d\x20", 0), /* explicit curve */
		MESSAGE("\x03\x00", 0),
		MESSAGE("", 0),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		check(serverkeyexchange_group, &messages[i]);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(names_version(0x0304), "TLSv1.3");
	assert_string_equal(names_version(0x0301), "TLSv1.0");
	assert_null(names_version(0x0305));
	assert_string_equal(names_group(29), "x25519");
	assert_string_equal(names_group(23), "secp256r1");
	assert_string_equal(names_group(4588), "x25519mlkem768");
	assert_string_equal(names_group(256), "ffdhe2048");
	assert_null(names_group(0));
	assert_null(names_group(0x0a0a));
	assert_string_equal(names_alert(0), "close_notify");
	assert_string_equal(names_alert(40), "handshake_failure");
	assert_string_equal(names_alert(116), "certificate_required");
	assert_null(names_alert(255));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_serverhello),
		cmocka_unit_test(test_serverkeyexchange),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
