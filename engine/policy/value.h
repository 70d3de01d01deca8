/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_VALUE_H
#define POSTERN_POLICY_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/registry.h"

/* The values that keys of the configuration take: from text to the member of struct config. */

enum value_type {
	VALUE_BOOL,     /* bool */
	VALUE_NUMBER,   /* unsigned, min..max */
	VALUE_MARK,     /* uint32_t, decimal or hexadecimal, not 0 */
	VALUE_SIZE,     /* uint64_t in bytes, from "64K", "8M", "1G"; min..max in MiB */
	VALUE_DURATION, /* uint64_t in ms, from "500ms", "5s", "10m", "12h", "2d"; 0 from a word */
	VALUE_ADDRESS,  /* union addr of `family`, AF_UNSPEC from "none" */
	VALUE_WORD,     /* an enum: the word's place in `words`, if its bit is set in `allowed` */
	VALUE_LABEL,    /* char[]: one of `words`, kept as text */
	VALUE_USER,     /* char[]: a user's name, or empty */
	VALUE_HOST,     /* char[]: a name without wildcards, or empty */
	VALUE_ENDPOINT, /* char[]: as endpoint_parse() takes it, or "none" */
	VALUE_STORE,    /* char[]: "none", "redis://...", "redis+unix://...", or a path */
	VALUE_LOCAL,    /* char[]: the same, and only this machine reaches it */
	VALUE_ICAP_URL, /* char[]: as icap_url_read() takes it, or empty */
	VALUE_CODES,    /* struct codepoints: see registry_read() */
	VALUE_PATH, /* char[]: a path, made relative to the file that names it, or one of `words` */
};

struct value_kind {
	enum value_type type;
	unsigned min, max;
	sa_family_t family;
	const char *const *words; /* up to NULL */
	unsigned allowed;
	bool may_be_empty;  /* VALUE_PATH */
	const char *prefix; /* VALUE_PATH: what begins so is no path, and taken as it is */
	const struct registry *registry; /* VALUE_CODES */
};

enum { VALUE_EXPECTED_MAX = 128 };

/*
 * Reads `text`, which stands in `file`, into the member of `size` bytes. False: it is no such value
 * or does not fit; the member is then untouched.
 */
bool value_read(const struct value_kind *kind, const char *text, const char *file, void *member,
		size_t size);

/* The member's value as value_read() would read it; empty text for empty text. */
void value_write(const struct value_kind *kind, const void *member, char *text, size_t size);

/* What should stand instead of `text` (NULL: something without text): "a duration such as 5s". */
void value_expected(const struct value_kind *kind, const char *text, size_t size,
		    char expected[VALUE_EXPECTED_MAX]);

/* "64K", "100M", "1G"; digits alone are bytes. */
bool value_size(const char *text, uint64_t min, uint64_t max, uint64_t *ret_size);

/* A decimal number, digits only. */
bool value_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number);

/* `path` seen from the folder of `file`. False: longer than `size`. */
bool value_path(const char *file, const char *path, char *ret_path, size_t size);

#endif
