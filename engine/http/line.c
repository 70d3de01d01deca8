/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/line.h"

#include <strings.h>

struct reader line_read(struct reader *r)
{
	const uint8_t *end = reader_left(r) ? memchr(r->at, '\r', reader_left(r)) : NULL;
	size_t n = end ? (size_t)(end - r->at) : reader_left(r);
	const uint8_t *at = reader_bytes(r, n);
	struct reader line = reader_of(at, n);

	if (reader_u16(r) != ('\r' << 8 | '\n') || (n > 0 && memchr(at, '\n', n)))
		r->bad = true;
	line.bad = r->bad;
	return line;
}

struct reader line_until(struct reader *r, char stop)
{
	const uint8_t *end = reader_left(r) ? memchr(r->at, stop, reader_left(r)) : NULL;
	size_t n = end ? (size_t)(end - r->at) : reader_left(r);
	const uint8_t *at = reader_bytes(r, n);
	struct reader part = reader_of(at, n);

	(void)reader_u8(r);
	part.bad = r->bad;
	return part;
}

struct reader line_trim(struct reader part)
{
	while (part.at < part.end && (*part.at == ' ' || *part.at == '\t'))
		part.at++;
	while (part.end > part.at && (part.end[-1] == ' ' || part.end[-1] == '\t'))
		part.end--;
	return part;
}

bool line_is(const struct reader *part, const char *word)
{
	size_t n = strlen(word);

	return reader_left(part) == n && strncasecmp((const char *)part->at, word, n) == 0;
}

bool line_is_token(const struct reader *part)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (const uint8_t *at = part->at; at < part->end; at++) {
		bool is_letter = (*at | 0x20) >= 'a' && (*at | 0x20) <= 'z';

		if (!is_letter && (*at < '0' || *at > '9') && (*at == 0 || !strchr(others, *at)))
			return false;
	}
	return reader_left(part) > 0;
}

bool line_is_value(const struct reader *part)
{
	for (const uint8_t *at = part->at; at < part->end; at++)
		if ((*at < ' ' && *at != '\t') || *at == 0x7f)
			return false;
	return true;
}

bool line_is_visible(const struct reader *part)
{
	for (const uint8_t *at = part->at; at < part->end; at++)
		if (*at <= ' ' || *at >= 0x7f)
			return false;
	return reader_left(part) > 0;
}
