/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hello that is whole must stay the same hello however it is cut: its prefixes are short, its
 * message is one handshake message, and that message in other records gives the same facts.
 */
#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "test/hello_cut.h"
#include "tls/fingerprint.h"
#include "tls/hello.h"

static uint8_t message[HELLO_MAX], framed[2 * HELLO_MAX];

static void check_framed(const struct hello *hello, size_t n, size_t size)
{
	struct hello again;
	size_t n_framed = hello_cut(message, n, size, framed);

	if (n_framed > HELLO_MAX) {
		assert(hello_parse(framed, n_framed, &again) == HELLO_TOO_LARGE);
		return;
	}
	assert(hello_parse(framed, n_framed, &again) == HELLO_WHOLE);
	assert(again.wire_length == n_framed);
	assert(hello_is_same(&again, hello));
	assert(hello_parse(framed, n_framed / 2, &again) == HELLO_SHORT);
	assert(again.needed > n_framed / 2 && again.needed <= n_framed);
}

static void check_facts(const struct hello *hello)
{
	char ja3[FINGERPRINT_JA3_SIZE], ja4[FINGERPRINT_JA4_SIZE];
	size_t at = 0, n;

	assert(strlen(hello->host) < 254 && hello->has_sni == (hello->host[0] != '\0'));
	assert(hello_version_min(hello) <= hello_version_max(hello));
	while (hello_alpn_next(hello, &at, &n))
		assert(n > 0 && at <= hello->alpn_length);
	assert(at == hello->alpn_length);
	fingerprint_ja3(hello, ja3);
	fingerprint_ja4(hello, ja4);
	assert(strlen(ja3) == sizeof(ja3) - 1 && strlen(ja4) == sizeof(ja4) - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct hello hello;
	enum hello_result result = hello_parse(bytes, n, &hello);
	size_t n_message;

	if (result == HELLO_SHORT)
		assert(hello.needed > n && hello.needed <= HELLO_MAX);
	if (result != HELLO_WHOLE)
		return 0;
	assert(hello.wire_length <= n && hello.wire_length <= HELLO_MAX);
	n_message = hello_message(bytes, hello.wire_length, message, hello.wire_length);
	assert(n_message > 4 && message[0] == 1);
	assert(((size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3]) == n_message - 4);
	check_facts(&hello);
	check_framed(&hello, n_message, 16384);
	check_framed(&hello, n_message, n_message / 2 < 16384 ? n_message / 2 : 16383);
	check_framed(&hello, n_message, n_message / HELLO_RECORDS_MAX + 1);
	return 0;
}
