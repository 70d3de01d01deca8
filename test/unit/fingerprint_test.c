/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tls/fingerprint.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* The real hellos of data/hello; the JA3 column is what tshark 4.0 finds. */
static void test_captured(void **state)
{
	static const struct {
		const char *file, *ja3, *ja4;
	} captured[] = {
		{ "chromium", "0b72805eac583e1cf22ba1f5b8795979",
		  "t13d1517h2_8daaf6152771_cb7bf5808d99" },
		{ "curl", "0149f47eabf9a20d0893e2a44e5a6323",
		  "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6" },
		{ "curl_no_sni", "78f0dc5ac5b19daf131a133cfdee9691",
		  "t13i3111h2_e8f1e7e78f70_b26ce05bbdd6" },
		{ "curl_tls12", "87b9bfc7da97115ed2276737b09f8d74",
		  "t12d2807h2_d943125447b4_a44c6288192a" },
		{ "gnutls", "f35ce21b44ac0b87d3266294bb1b0e20",
		  "t13d291300_723694b0fccc_2cc26d266019" },
		{ "node", "1a28e69016765d92e3b381168d68922c",
		  "t13d5911h1_a33745022dd6_1f22a2ca17c4" },
		{ "nss", "ab5db42466846be28dbb1efc688a4608",
		  "t13d351100_948423e5275c_496733ea6893" },
		{ "openssl", "5a1edc7f170af1014fc65c994878e63c",
		  "t13d3111h2_e8f1e7e78f70_1f22a2ca17c4" },
		{ "openssl_early_data", "73a4e2cca8dc512d9d81c80851418f14",
		  "t13d311200_e8f1e7e78f70_87f12a3f655c" },
		{ "openssl_ticket12", "871a754af286dfb70c1b53c6887c62e0",
		  "t12d280700_d943125447b4_e7e480e5a997" },
		{ "openssl_tls11", "f465b14dea9dace32abde596ddc56e04",
		  "t11i090500_c491f621fb4c_195413a0cc0f" },
		{ "python", "3adacb99ecb51ed59c4f6c4ed9a7dcaa",
		  "t13d3112h1_e8f1e7e78f70_d41ae481755e" },
		{ "python_pha", "86d37534033d9c5b60a83ff8b2fbeea3",
		  "t13d311200_e8f1e7e78f70_d339722ba4af" },
	};

	(void)state;
	for (size_t i = 0; i < N(captured); i++) {
		char path[512], ja3[FINGERPRINT_JA3_SIZE], ja4[FINGERPRINT_JA4_SIZE];
		uint8_t bytes[4096];
		struct hello hello;
		FILE *file;
		size_t n;

		snprintf(path, sizeof(path), POSTERN_TEST_DATA "/hello/%s.bin", captured[i].file);
		file = fopen(path, "rb");
		assert_non_null(file);
		n = fread(bytes, 1, sizeof(bytes), file);
		fclose(file);
		assert_int_equal(hello_parse(bytes, n, &hello), HELLO_WHOLE);
		fingerprint_ja3(&hello, ja3);
		fingerprint_ja4(&hello, ja4);
		assert_string_equal(ja3, captured[i].ja3);
		assert_string_equal(ja4, captured[i].ja4);
	}
}

/* What Chrome's hellos have in common; GREASE at the places where Chrome has it. */
static const struct hello chrome = {
	.legacy_version = 0x0303,
	.n_suites = 16,
	.suites = { 0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8,
		    0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035 },
	.versions = { 3, { 0x2a2a, 0x0304, 0x0303 } },
	.signature_algorithms = { 8,
				  { 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806,
				    0x0601 } },
	.n_point_formats = 1,
	.alpn_length = 12,
	.alpn = "\x02h2\x08http/1.1",
	.has_sni = true,
};

/* The example in FoxIO's description of JA4. */
static void test_ja4_example(void **state)
{
	static const struct hello_list extensions = {
		18,
		{ 0x3a3a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005,
		  0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0x4a4a },
	};
	struct hello hello = chrome;
	char ja4[FINGERPRINT_JA4_SIZE];

	(void)state;
	hello.extensions = extensions;
	fingerprint_ja4(&hello, ja4);
	assert_string_equal(ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

/* Chrome 143 as a public test page of fingerprints shows it. */
static void test_chrome_143(void **state)
{
	static const struct hello_list extensions = {
		18,
		{ 0x5a5a, 0x002d, 0x0033, 0x0010, 0xfe0d, 0x0017, 0x44cd, 0x0000, 0x000b, 0x000a,
		  0x002b, 0xff01, 0x0023, 0x0012, 0x0005, 0x000d, 0x001b, 0x6a6a },
	};
	static const struct hello_list groups = { 5, { 0x8a8a, 4588, 29, 23, 24 } };
	struct hello hello = chrome;
	char ja3[FINGERPRINT_JA3_SIZE], ja4[FINGERPRINT_JA4_SIZE];

	(void)state;
	hello.extensions = extensions;
	hello.groups = groups;
	fingerprint_ja3(&hello, ja3);
	fingerprint_ja4(&hello, ja4);
	assert_string_equal(ja3, "98487aa16281980e7d1120d399efb6a4");
	assert_string_equal(ja4, "t13d1516h2_8daaf6152771_d8a2da3f94cd");
}

/* Nothing but an old version: the hash of "769,,,," and zeros. */
static void test_empty(void **state)
{
	struct hello hello = { .legacy_version = 0x0301 };
	char ja3[FINGERPRINT_JA3_SIZE], ja4[FINGERPRINT_JA4_SIZE];

	(void)state;
	fingerprint_ja3(&hello, ja3);
	fingerprint_ja4(&hello, ja4);
	assert_string_equal(ja3, "f5d1076d0d11b5cd81c4c4e8e8ee881a");
	assert_string_equal(ja4, "t10i000000_000000000000_000000000000");
}

/* The most that a hello keeps, each code as long as it can be: the texts must hold it. */
static void test_full(void **state)
{
	struct hello hello = { .legacy_version = 0xffff };
	char ja3[FINGERPRINT_JA3_SIZE], ja4[FINGERPRINT_JA4_SIZE];

	(void)state;
	hello.n_suites = HELLO_SUITES_MAX;
	memset(hello.suites, 0xff, sizeof(hello.suites));
	hello.extensions.n = HELLO_LIST_MAX;
	memset(hello.extensions.at, 0xff, sizeof(hello.extensions.at));
	hello.groups = hello.signature_algorithms = hello.extensions;
	hello.n_point_formats = sizeof(hello.point_formats);
	memset(hello.point_formats, 0xff, sizeof(hello.point_formats));
	fingerprint_ja3(&hello, ja3);
	fingerprint_ja4(&hello, ja4);
	assert_int_equal(strlen(ja3), FINGERPRINT_JA3_SIZE - 1);
	assert_int_equal(strlen(ja4), FINGERPRINT_JA4_SIZE - 1);
	assert_memory_equal(ja4, "t00i999900_", 11);
}

static void test_ja4_alpn(void **state)
{
	static const struct {
		const char *alpn; /* first name after its length */
		const char *want;
	} cases[] = {
		{ "\x02h2", "h2" },
		{ "\x01h", "hh" },
		{ "\x08http/1.1", "h1" },
		{ "\x01\xab", "ab" },
		{ "\x02\xab\xcd", "ad" },
		{ "\x02\x30\xab", "3b" },
		{ "\x04\x30\x31\xab\xcd", "3d" },
		{ "\x04\x30\xab\xcd\x31", "01" },
		{ "\x03-h2", "22" },
		{ "", "00" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct hello hello = { .alpn_length = (uint16_t)strlen(cases[i].alpn) };
		char ja4[FINGERPRINT_JA4_SIZE];

		memcpy(hello.alpn, cases[i].alpn, hello.alpn_length);
		fingerprint_ja4(&hello, ja4);
		assert_memory_equal(ja4 + 8, cases[i].want, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_captured),   cmocka_unit_test(test_ja4_example),
		cmocka_unit_test(test_chrome_143), cmocka_unit_test(test_empty),
		cmocka_unit_test(test_full),       cmocka_unit_test(test_ja4_alpn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
