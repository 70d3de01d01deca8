/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How it works
 *
 * Both fingerprints are hashes of texts made from the hello's lists without GREASE. JA3 hashes five
 * lists in the order sent, in decimal. JA4 has a readable head and two short hashes over sorted
 * lists in hexadecimal, so that a client that shuffles its extensions keeps its own. JA3 is
 * as published by Salesforce, JA4 (the TLS client form, BSD licence) as published by FoxIO.
 */
#include "tls/fingerprint.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	EXT_SERVER_NAME = 0,
	EXT_ALPN = 16,
	/* Five decimal digits and a separator for each code of the longest text, JA3's. */
	TEXT_SIZE = 6 * (1 + HELLO_SUITES_MAX + 2 * HELLO_LIST_MAX + 16 + 5),
	JA4_COUNT_MAX = 99,
	JA4_HASH_SIZE = 13, /* 12 digits and a NUL */
};

static const char hex_digits[] = "0123456789abcdef";

struct text {
	size_t n;
	char at[TEXT_SIZE];
};

static void text_char(struct text *text, char c)
{
	text->at[text->n++] = c;
}

static void text_decimal(struct text *text, uint16_t value)
{
	if (value >= 10)
		text_decimal(text, value / 10);
	text_char(text, hex_digits[value % 10]);
}

static void text_hex(struct text *text, uint16_t value)
{
	for (int shift = 12; shift >= 0; shift -= 4)
		text_char(text, hex_digits[value >> shift & 15]);
}

/* The codes without GREASE, `separator` between two. */
static void text_list(struct text *text, void (*add)(struct text *, uint16_t), char separator,
		      const uint16_t *codes, size_t n)
{
	bool is_first = true;

	for (size_t i = 0; i < n; i++) {
		if (hello_is_grease(codes[i]))
			continue;
		if (!is_first)
			text_char(text, separator);
		is_first = false;
		add(text, codes[i]);
	}
}

/* Fills ret_hex, a string of `size`, with the first digits of the hash; "" if libcrypto refuses. */
static void text_hash(const struct text *text, const EVP_MD *md, char *ret_hex, size_t size)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	size_t at = 0;

	if (EVP_Digest(text->at, text->n, hash, &n, md, NULL) != 1)
		n = 0;
	for (unsigned i = 0; i < n && at + 2 < size; i++) {
		ret_hex[at++] = hex_digits[hash[i] >> 4];
		ret_hex[at++] = hex_digits[hash[i] & 15];
	}
	ret_hex[at] = '\0';
}

void fingerprint_ja3(const struct hello *hello, char ret_ja3[FINGERPRINT_JA3_SIZE])
{
	struct text text = { .n = 0 };

	text_decimal(&text, hello->legacy_version);
	text_char(&text, ',');
	text_list(&text, text_decimal, '-', hello->suites, hello->n_suites);
	text_char(&text, ',');
	text_list(&text, text_decimal, '-', hello->extensions.at, hello->extensions.n);
	text_char(&text, ',');
	text_list(&text, text_decimal, '-', hello->groups.at, hello->groups.n);
	text_char(&text, ',');
	for (unsigned i = 0; i < hello->n_point_formats; i++) {
		if (i > 0)
			text_char(&text, '-');
		text_decimal(&text, hello->point_formats[i]);
	}
	text_hash(&text, EVP_md5(), ret_ja3, FINGERPRINT_JA3_SIZE);
}

static int code_compare(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* Copies the codes that are not GREASE in rising order; returns how many. */
static size_t codes_sorted(const uint16_t *codes, size_t n, uint16_t *ret_codes)
{
	size_t n_kept = 0;

	for (size_t i = 0; i < n; i++)
		if (!hello_is_grease(codes[i]))
			ret_codes[n_kept++] = codes[i];
	qsort(ret_codes, n_kept, sizeof(*ret_codes), code_compare);
	return n_kept;
}

/* The highest version of any kind, known to us or not, as long as it is not GREASE. */
static const char *ja4_version(const struct hello *hello)
{
	uint16_t max = 0;

	for (unsigned i = 0; i < hello->versions.n; i++)
		if (!hello_is_grease(hello->versions.at[i]) && hello->versions.at[i] > max)
			max = hello->versions.at[i];
	switch (hello->versions.n > 0 ? max : hello->legacy_version) {
	case 0x0304:
		return "13";
	case 0x0303:
		return "12";
	case 0x0302:
		return "11";
	case 0x0301:
		return "10";
	case 0x0300:
		return "s3";
	case 0x0002:
		return "s2";
	default:
		return "00";
	}
}

static bool is_alphanumeric(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/*
 * First and last character of the first protocol name; of its hexadecimal form when one of the two
 * is neither letter nor digit.
 */
static void ja4_alpn(const struct hello *hello, char ret_alpn[3])
{
	size_t at = 0, n = 0;
	const uint8_t *name = hello_alpn_next(hello, &at, &n);

	memcpy(ret_alpn, "00", 3);
	if (!name || n == 0)
		return;
	if (is_alphanumeric(name[0]) && is_alphanumeric(name[n - 1])) {
		ret_alpn[0] = (char)name[0];
		ret_alpn[1] = (char)name[n - 1];
	} else {
		ret_alpn[0] = hex_digits[name[0] >> 4];
		ret_alpn[1] = hex_digits[name[n - 1] & 15];
	}
}

/* An empty text has zeros for its hash. */
static void ja4_hash(const struct text *text, char ret_hash[JA4_HASH_SIZE])
{
	if (text->n > 0)
		text_hash(text, EVP_sha256(), ret_hash, JA4_HASH_SIZE);
	else
		memcpy(ret_hash, "000000000000", JA4_HASH_SIZE);
}

void fingerprint_ja4(const struct hello *hello, char ret_ja4[FINGERPRINT_JA4_SIZE])
{
	const struct hello_list *algorithms = &hello->signature_algorithms;
	struct text suites = { .n = 0 }, extensions = { .n = 0 };
	uint16_t codes[HELLO_SUITES_MAX];
	char alpn[3], suites_hash[JA4_HASH_SIZE], extensions_hash[JA4_HASH_SIZE];
	size_t n_suites, n_extensions, n = 0;

	n_suites = codes_sorted(hello->suites, hello->n_suites, codes);
	text_list(&suites, text_hex, ',', codes, n_suites);
	ja4_hash(&suites, suites_hash);

	/* Name and protocols tell of the place visited, not of the client; the head has them. */
	n_extensions = codes_sorted(hello->extensions.at, hello->extensions.n, codes);
	for (size_t i = 0; i < n_extensions; i++)
		if (codes[i] != EXT_SERVER_NAME && codes[i] != EXT_ALPN)
			codes[n++] = codes[i];
	text_list(&extensions, text_hex, ',', codes, n);
	if (n > 0 && algorithms->n > 0) {
		text_char(&extensions, '_');
		text_list(&extensions, text_hex, ',', algorithms->at, algorithms->n);
	}
	ja4_hash(&extensions, extensions_hash);

	ja4_alpn(hello, alpn);
	snprintf(ret_ja4, FINGERPRINT_JA4_SIZE, "t%s%c%02u%02u%s_%s_%s", ja4_version(hello),
		 hello_offers(&hello->extensions, EXT_SERVER_NAME) ? 'd' : 'i',
		 (unsigned)(n_suites < JA4_COUNT_MAX ? n_suites : JA4_COUNT_MAX),
		 (unsigned)(n_extensions < JA4_COUNT_MAX ? n_extensions : JA4_COUNT_MAX), alpn,
		 suites_hash, extensions_hash);
}
