/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_LINE_H
#define POSTERN_TAP_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/event.h"

/*
 * The text of one event, one JSON object, written from its beginning to its end into memory that is
 * used again for the next. Nothing fails in between: line_end() says whether all of it was written.
 * Inside a list the key is NULL.
 */
struct line {
	char *text; /* not terminated */
	size_t n, room;
	bool is_broken; /* there was no memory, or it is longer than an event may be */
};

enum { EVENT_MAX = 256 * 1024 }; /* bytes of one */

#define LINE_SCHEMA "1.0" /* of doc/events.schema.json */

/* Begins an event of this kind with what all of them have. */
void line_begin(struct line *line, enum event_type type, uint64_t wall_us);
/* False: there is no event. */
bool line_end(struct line *line);
void line_deinit(struct line *line);

void line_object(struct line *line, const char *key);
void line_object_end(struct line *line);
void line_list(struct line *line, const char *key);
void line_list_end(struct line *line);

/* Left out when there is nothing to say: NULL or "". */
void line_text(struct line *line, const char *key, const char *text);
/* Any bytes: what is not UTF-8 or has control characters is written with "\xNN". */
void line_bytes(struct line *line, const char *key, const void *bytes, size_t n);
void line_number(struct line *line, const char *key, uint64_t number);
void line_flag(struct line *line, const char *key, bool is);
/* Of microseconds: milliseconds with what is behind the point. */
void line_ms(struct line *line, const char *key, uint64_t us);
/* "2026-11-22T19:00:00.123456+0000" */
void line_time(struct line *line, const char *key, uint64_t wall_us);

/*
 * Members of an object that are written before their event: line_note_begin(), what there is to
 * say, line_note_end(), which gives a text that the caller frees, or NULL; line_note() adds them.
 */
void line_note_begin(struct line *line);
char *line_note_end(struct line *line);
void line_note(struct line *line, const char *note);

const char *event_text(enum event_type type);

#endif
