/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_READER_H
#define POSTERN_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A cursor over bytes that somebody else owns. Every parser of hostile input reads through one.
 *
 * A read past the end returns zero (or an empty reader), sets `bad` and leaves the cursor at the
 * end, so a parser may read a whole structure and ask reader_ok() once. The bytes are borrowed: a
 * reader, and every reader cut from it, is valid only as long as they are.
 */
struct reader {
	const uint8_t *at;
	const uint8_t *end;
	bool bad; /* something was read that was not there */
};

static inline struct reader reader_of(const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	return (struct reader){ .at = at, .end = at ? at + n : at };
}

static inline bool reader_ok(const struct reader *r)
{
	return !r->bad;
}

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

/* The next n bytes, or NULL when fewer are left. */
static inline const uint8_t *reader_bytes(struct reader *r, size_t n)
{
	const uint8_t *at = r->at;

	if (r->bad || reader_left(r) < n) {
		r->bad = true;
		r->at = r->end;
		return NULL;
	}
	if (n > 0)
		r->at += n;
	return at;
}

/* A big-endian integer of n bytes (1 to 4), as TLS and DER write them. */
static inline uint32_t reader_uint(struct reader *r, size_t n)
{
	const uint8_t *at = reader_bytes(r, n);
	uint32_t value = 0;

	if (!at)
		return 0;
	for (size_t i = 0; i < n; i++)
		value = value << 8 | at[i];
	return value;
}

static inline uint8_t reader_u8(struct reader *r)
{
	return (uint8_t)reader_uint(r, 1);
}

static inline uint16_t reader_u16(struct reader *r)
{
	return (uint16_t)reader_uint(r, 2);
}

static inline uint32_t reader_u24(struct reader *r)
{
	return reader_uint(r, 3);
}

/* The vector of RFC 8446 section 3.4: a length of `width` bytes, then as many bytes. */
static inline struct reader reader_vector(struct reader *r, size_t width)
{
	size_t n = reader_uint(r, width);
	const uint8_t *at = reader_bytes(r, n);
	struct reader inner = { .at = at, .end = at ? at + n : at, .bad = r->bad };

	return inner;
}

#endif
