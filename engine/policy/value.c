/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/value.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/endpoint.h"
#include "policy/icap_url.h"

#define DURATION_MAX (365ULL * 24 * 60 * 60 * 1000) /* ms */

static const struct {
	const char *name;
	uint64_t ms;
} units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
};

/* Digits of the base up to a character that is none, which *ret_end points at. */
static bool read_digits(const char *text, unsigned base, uint64_t *ret_number, const char **ret_end)
{
	uint64_t number = 0;
	const char *at = text;

	for (; isxdigit((unsigned char)*at); at++) {
		unsigned digit = isdigit((unsigned char)*at)
					 ? (unsigned)(*at - '0')
					 : (unsigned)(tolower((unsigned char)*at) - 'a' + 10);

		if (digit >= base)
			break;
		if (__builtin_mul_overflow(number, base, &number) ||
		    __builtin_add_overflow(number, digit, &number))
			return false;
	}
	*ret_number = number;
	*ret_end = at;
	return at != text;
}

bool value_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
	const char *end;
	uint64_t number;

	if (!read_digits(text, 10, &number, &end) || *end || number < min || number > max)
		return false;
	*ret_number = number;
	return true;
}

static bool read_mark(const char *text, uint32_t *ret_mark)
{
	bool is_hex = strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0;
	const char *end;
	uint64_t number;

	if (!read_digits(is_hex ? text + 2 : text, is_hex ? 16 : 10, &number, &end) || *end ||
	    number == 0 || number > UINT32_MAX)
		return false;
	*ret_mark = (uint32_t)number;
	return true;
}

/* In ms, of any length. */
static bool read_duration(const char *text, uint64_t *ret_ms)
{
	const char *unit;
	uint64_t number;

	if (!read_digits(text, 10, &number, &unit))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(unit, units[i].name) == 0)
			return !__builtin_mul_overflow(number, units[i].ms, ret_ms);
	}
	return false;
}

bool value_size(const char *text, uint64_t min, uint64_t max, uint64_t *ret_size)
{
	static const char suffixes[] = "KMG";
	const char *end, *suffix;
	uint64_t size;

	if (!read_digits(text, 10, &size, &end))
		return false;
	suffix = *end ? strchr(suffixes, *end) : NULL;
	if (*end && (!suffix || end[1]))
		return false;
	for (const char *at = suffixes; suffix && at <= suffix; at++)
		if (__builtin_mul_overflow(size, (uint64_t)1024, &size))
			return false;
	if (size < min || size > max)
		return false;
	*ret_size = size;
	return true;
}

static bool is_duration_in_range(uint64_t ms)
{
	return ms >= 1 && ms <= DURATION_MAX;
}

static bool read_address(const struct value_kind *kind, const char *text, union addr *ret_addr)
{
	union addr addr = { .sa.sa_family = AF_UNSPEC };

	if (strcmp(text, "none") != 0 &&
	    (!addr_parse(text, 0, &addr) || addr.sa.sa_family != kind->family))
		return false;
	*ret_addr = addr;
	return true;
}

/* The place of the word that `text` is, or -1. */
static int find_word(const struct value_kind *kind, const char *text)
{
	for (int i = 0; kind->words && kind->words[i]; i++) {
		if (strcmp(kind->words[i], text) == 0)
			return i;
	}
	return -1;
}

static bool read_word(const struct value_kind *kind, const char *text, unsigned *ret_value)
{
	int place = find_word(kind, text);

	if (place < 0 || !(kind->allowed & 1U << place))
		return false;
	*ret_value = (unsigned)place;
	return true;
}

static bool read_text(const char *text, char *ret_text, size_t size)
{
	size_t n = strlen(text);

	if (n >= size)
		return false;
	memcpy(ret_text, text, n + 1);
	return true;
}

static bool is_user(const char *text)
{
	return text[0] != '-' && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					      "0123456789_.-") == strlen(text);
}

bool value_path(const char *file, const char *path, char *ret_path, size_t size)
{
	const char *slash = strrchr(file, '/');
	size_t n_folder = path[0] == '/' || !slash ? 0 : (size_t)(slash + 1 - file);
	size_t n = strlen(path);

	if (n_folder + n >= size)
		return false;
	memcpy(ret_path, file, n_folder);
	memcpy(ret_path + n_folder, path, n + 1);
	return true;
}

static bool read_path(const struct value_kind *kind, const char *text, const char *file,
		      char *ret_path, size_t size)
{
	if (!*text && !kind->may_be_empty)
		return false;
	if (!*text || find_word(kind, text) >= 0 ||
	    (kind->prefix && strncmp(text, kind->prefix, strlen(kind->prefix)) == 0))
		return read_text(text, ret_path, size);
	return value_path(file, text, ret_path, size);
}

static bool read_store(const char *text, const char *file, char *ret_text, size_t size)
{
	if (strcmp(text, "none") == 0 || strncmp(text, "redis://", 8) == 0 ||
	    strncmp(text, "redis+unix://", 13) == 0)
		return read_text(text, ret_text, size);
	return *text && !strstr(text, "://") && value_path(file, text, ret_text, size);
}

static bool read_endpoint(const struct value_kind *kind, const char *text, char *ret_text,
			  size_t size)
{
	struct endpoint endpoint;

	if (strcmp(text, "none") != 0 &&
	    (!endpoint_parse(text, &endpoint) ||
	     (kind->type == VALUE_LOCAL && !endpoint_is_local(&endpoint))))
		return false;
	return read_text(text, ret_text, size);
}

static bool read_icap_url(const char *text, char *ret_text, size_t size)
{
	struct icap_url url;

	return (!*text || icap_url_read(text, &url)) && read_text(text, ret_text, size);
}

bool value_read(const struct value_kind *kind, const char *text, const char *file, void *member,
		size_t size)
{
	uint64_t number;

	switch (kind->type) {
	case VALUE_BOOL:
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
			return false;
		*(bool *)member = text[0] == 't';
		return true;
	case VALUE_NUMBER:
		if (!value_number(text, kind->min, kind->max, &number))
			return false;
		*(unsigned *)member = (unsigned)number;
		return true;
	case VALUE_SIZE:
		return value_size(text, (uint64_t)kind->min << 20, (uint64_t)kind->max << 20,
				  member);
	case VALUE_MARK:
		return read_mark(text, member);
	case VALUE_DURATION:
		if (find_word(kind, text) >= 0)
			number = 0;
		else if (!read_duration(text, &number) || !is_duration_in_range(number))
			return false;
		*(uint64_t *)member = number;
		return true;
	case VALUE_ADDRESS:
		return read_address(kind, text, member);
	case VALUE_WORD:
		return read_word(kind, text, member);
	case VALUE_LABEL:
		return find_word(kind, text) >= 0 && read_text(text, member, size);
	case VALUE_USER:
	case VALUE_HOST: /* of the same characters */
		return is_user(text) && read_text(text, member, size);
	case VALUE_CODES:
		return registry_read(kind->registry, text, member);
	case VALUE_ENDPOINT:
	case VALUE_LOCAL:
		return read_endpoint(kind, text, member, size);
	case VALUE_STORE:
		return read_store(text, file, member, size);
	case VALUE_ICAP_URL:
		return read_icap_url(text, member, size);
	case VALUE_PATH:
		return read_path(kind, text, file, member, size);
	}
	return false;
}

/* "pass, intercept or block" */
static void join_words(const struct value_kind *kind, char expected[VALUE_EXPECTED_MAX])
{
	unsigned left = 0;
	size_t n = 0;

	for (unsigned i = 0; kind->words[i]; i++)
		left += kind->type != VALUE_WORD || kind->allowed >> i & 1;
	for (unsigned i = 0; kind->words[i] && n < VALUE_EXPECTED_MAX; i++) {
		if (kind->type == VALUE_WORD && !(kind->allowed >> i & 1))
			continue;
		left--;
		n += (size_t)snprintf(expected + n, VALUE_EXPECTED_MAX - n, "%s%s", kind->words[i],
				      left > 1    ? ", "
				      : left == 1 ? " or "
						  : "");
	}
}

static void expect_duration(const struct value_kind *kind, const char *text,
			    char expected[VALUE_EXPECTED_MAX])
{
	uint64_t ms;

	snprintf(expected, VALUE_EXPECTED_MAX, "%s%s",
		 text && read_duration(text, &ms) ? "a duration from 1ms to 365d"
						  : "a duration such as 5s",
		 kind->words ? " or none" : "");
}

void value_expected(const struct value_kind *kind, const char *text, size_t size,
		    char expected[VALUE_EXPECTED_MAX])
{
	switch (kind->type) {
	case VALUE_BOOL:
		strcpy(expected, "true or false");
		break;
	case VALUE_NUMBER:
		snprintf(expected, VALUE_EXPECTED_MAX, "a number from %u to %u", kind->min,
			 kind->max);
		break;
	case VALUE_SIZE:
		snprintf(expected, VALUE_EXPECTED_MAX, "a size from %uM to %uM", kind->min,
			 kind->max);
		break;
	case VALUE_MARK:
		strcpy(expected, "a mark from 1 to 0xffffffff such as 0x80");
		break;
	case VALUE_DURATION:
		expect_duration(kind, text, expected);
		break;
	case VALUE_ADDRESS:
		snprintf(expected, VALUE_EXPECTED_MAX, "an IPv%d address or none",
			 kind->family == AF_INET ? 4 : 6);
		break;
	case VALUE_WORD:
	case VALUE_LABEL:
		join_words(kind, expected);
		break;
	case VALUE_USER:
	case VALUE_HOST:
	case VALUE_PATH:
		snprintf(expected, VALUE_EXPECTED_MAX, "a %s of at most %zu characters",
			 kind->type == VALUE_USER   ? "user name"
			 : kind->type == VALUE_HOST ? "host name"
						    : "path",
			 size - 1);
		break;
	case VALUE_CODES:
		snprintf(expected, VALUE_EXPECTED_MAX,
			 "all, recommended, or names such as %s with commas between them",
			 kind->registry->example);
		break;
	case VALUE_ENDPOINT:
		strcpy(expected, "none, ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH");
		break;
	case VALUE_STORE:
		strcpy(expected, "none, a path, redis://HOST or redis+unix:///PATH");
		break;
	case VALUE_ICAP_URL:
		strcpy(expected, "icap://ADDRESS:PORT/SERVICE");
		break;
	case VALUE_LOCAL:
		strcpy(expected, "none, a loopback address with a port such as 127.0.0.1:57012, "
				 "or unix:/PATH");
		break;
	}
}

static void write_duration(uint64_t ms, char *text, size_t size)
{
	size_t i = sizeof(units) / sizeof(units[0]) - 1;

	while (i > 0 && ms % units[i].ms != 0)
		i--;
	snprintf(text, size, "%llu%s", (unsigned long long)(ms / units[i].ms), units[i].name);
}

static void write_size(uint64_t bytes, char *text, size_t size)
{
	unsigned i = 0;

	while (i < 3 && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	snprintf(text, size, "%llu%.1s", (unsigned long long)bytes, &"\0KMG"[i]);
}

static void write_address(const union addr *addr, char *text, size_t size)
{
	char number[ADDR_TEXT_MAX];

	snprintf(text, size, "%s",
		 addr->sa.sa_family == AF_UNSPEC ? "none" : addr_text(addr, number));
}

void value_write(const struct value_kind *kind, const void *member, char *text, size_t size)
{
	switch (kind->type) {
	case VALUE_BOOL:
		snprintf(text, size, "%s", *(const bool *)member ? "true" : "false");
		break;
	case VALUE_NUMBER:
		snprintf(text, size, "%u", *(const unsigned *)member);
		break;
	case VALUE_SIZE:
		write_size(*(const uint64_t *)member, text, size);
		break;
	case VALUE_MARK:
		snprintf(text, size, "0x%x", *(const uint32_t *)member);
		break;
	case VALUE_DURATION:
		if (*(const uint64_t *)member == 0)
			snprintf(text, size, "none");
		else
			write_duration(*(const uint64_t *)member, text, size);
		break;
	case VALUE_ADDRESS:
		write_address(member, text, size);
		break;
	case VALUE_WORD:
		snprintf(text, size, "%s", kind->words[*(const unsigned *)member]);
		break;
	case VALUE_CODES:
		registry_write(kind->registry, member, text, size);
		break;
	case VALUE_LABEL:
	case VALUE_USER:
	case VALUE_HOST:
	case VALUE_ENDPOINT:
	case VALUE_STORE:
	case VALUE_LOCAL:
	case VALUE_ICAP_URL:
	case VALUE_PATH:
		snprintf(text, size, "%s", (const char *)member);
		break;
	}
}
