/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_WEB_TEXT_H
#define POSTERN_WEB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An answer that grows. Without memory all that follows is dropped and has_failed is set: so only
 * the end has to ask.
 */
struct text {
	char *bytes; /* malloc()ed */
	size_t n, room;
	bool has_failed;
};

void text_free(struct text *text);

void text_put(struct text *text, const char *string);
/* What is ours alone: numbers, and words of closed lists. */
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Anybody's words in HTML: between tags, and in attributes in double quotes. What is no printable
 * ASCII becomes a question mark: host names have none, and nothing else is worth the risk.
 */
void text_html(struct text *text, const char *string);
/* The same for a terminal, where nothing is special but what cannot be printed. */
void text_plain(struct text *text, const char *string);
/* As a value in a URL's query. */
void text_query(struct text *text, const char *string);
/* A moment, us since 1970, as HTML; 0 is "never". */
void text_moment(struct text *text, uint64_t us);
/* How long before `now` a process gave its last sign of life, both in ms; 0 is "none". */
void text_beat(struct text *text, uint64_t beat, uint64_t now);

#endif
