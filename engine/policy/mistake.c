/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/mistake.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { GUESS_WORD_MAX = 64, GUESS_DISTANCE = 3 };

int mistake(struct config_error *ret_error, const char *file, unsigned line, const char *key,
	    const char *format, ...)
{
	char *text = ret_error->text, place[16] = "";
	size_t size = sizeof(ret_error->text), n;
	va_list args;

	if (line > 0)
		snprintf(place, sizeof(place), ":%u", line);
	snprintf(text, size, "%.600s%s: %.100s%s", file, place, key ? key : "", key ? ": " : "");
	n = strlen(text);
	va_start(args, format);
	vsnprintf(text + n, size - n, format, args);
	va_end(args);

	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
	return -EINVAL;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* How many letters must be put in, taken out or changed; b has at most GUESS_WORD_MAX. */
static unsigned distance_of(const char *a, const char *b, size_t n)
{
	unsigned
		row[GUESS_WORD_MAX + 1]; /* row[j]: from the part of a seen so far to b's first j */

	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (; *a; a++) {
		unsigned before = row[0]++; /* the old row[j - 1] */

		for (unsigned j = 1; j <= n; j++) {
			unsigned changed = before + (*a != b[j - 1]);

			before = row[j];
			row[j] = min3(row[j] + 1, row[j - 1] + 1, changed);
		}
	}
	return row[n];
}

struct guess guess_for(const char *word)
{
	size_t n = strlen(word);

	/* A short word is close to everything: at least half of it must be right. */
	return (struct guess){ .word = word,
			       .distance = n < 2 * GUESS_DISTANCE ? (unsigned)n / 2 + 1
								  : GUESS_DISTANCE + 1 };
}

void guess_try(struct guess *guess, const char *known, size_t n)
{
	unsigned distance;

	if (n > GUESS_WORD_MAX || strlen(guess->word) > GUESS_WORD_MAX)
		return;
	distance = distance_of(guess->word, known, n);
	if (distance >= guess->distance)
		return;
	guess->distance = distance;
	snprintf(guess->text, sizeof(guess->text), ", did you mean '%.*s'?", (int)n, known);
}
