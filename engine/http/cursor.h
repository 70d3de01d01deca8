/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_HTTP_CURSOR_H
#define POSTERN_HTTP_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The bytes at hand: what was read goes from `in` to `out`, unless it is cut. */
struct cursor {
	uint8_t *bytes;
	size_t in, out, end;
	size_t unit; /* of `out`: where what is held begins */
};

/* The next n bytes were looked at: they stay, or are cut out. */
static inline void cursor_take(struct cursor *cursor, size_t n, bool is_kept)
{
	if (is_kept && cursor->in != cursor->out)
		memmove(cursor->bytes + cursor->out, cursor->bytes + cursor->in, n);
	if (is_kept)
		cursor->out += n;
	cursor->in += n;
}

/* These are put in; there must be room behind the end. */
static inline void cursor_put(struct cursor *cursor, const uint8_t *bytes, size_t n)
{
	if (cursor->out + n > cursor->in) {
		memmove(cursor->bytes + cursor->out + n, cursor->bytes + cursor->in,
			cursor->end - cursor->in);
		cursor->end += cursor->out + n - cursor->in;
		cursor->in = cursor->out + n;
	}
	memcpy(cursor->bytes + cursor->out, bytes, n);
	cursor->out += n;
}

#endif
