/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROOM_FIRST = 4096 };

#define PUT(line, literal) put(line, literal, sizeof(literal) - 1)

const char *event_text(enum event_type type)
{
#define WORD(name, word) word,
	static const char *const words[] = { EVENT_TYPES(WORD) };
#undef WORD

	return words[type];
}

/* --- bytes --- */

static bool make_room(struct line *line, size_t n)
{
	size_t room = line->room > 0 ? line->room : ROOM_FIRST;
	char *more;

	if (line->is_broken)
		return false;
	if (line->n + n <= line->room)
		return true;
	while (room < line->n + n)
		room *= 2;
	more = line->n + n <= EVENT_MAX ? realloc(line->text, room) : NULL;
	line->is_broken = !more;
	if (!more)
		return false;
	line->text = more;
	line->room = room;
	return true;
}

static void put(struct line *line, const char *bytes, size_t n)
{
	if (!make_room(line, n))
		return;
	memcpy(line->text + line->n, bytes, n);
	line->n += n;
}

static void put_key(struct line *line, const char *key)
{
	if (line->n > 0 && line->text[line->n - 1] != '{' && line->text[line->n - 1] != '[')
		PUT(line, ",");
	if (!key)
		return;
	PUT(line, "\"");
	put(line, key, strlen(key));
	PUT(line, "\":");
}

/* --- strings --- */

static bool are_continued(const uint8_t *at, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if ((at[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* How long the character is that begins here (RFC 3629), 0 if none does. */
static size_t letter(const uint8_t *at, size_t left)
{
	static const uint8_t least[] = { 0, 0, 0x80, 0xa0, 0x90 };
	static const uint8_t most[] = { 0, 0, 0xbf, 0x9f, 0x8f };
	size_t n = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (n == 0 || n > left || at[0] > 0xf4 || !are_continued(at, n))
		return 0;
	/* Neither longer than need be, nor half of a pair of UTF-16, nor beyond the last. */
	if ((at[0] == 0xe0 || at[0] == 0xf0) && at[1] < least[n])
		return 0;
	if ((at[0] == 0xed || at[0] == 0xf4) && at[1] > most[n])
		return 0;
	return n;
}

/* UTF-8 without C0, DEL, and C1 (U+0080 to U+009F). */
static bool is_plain(const uint8_t *bytes, size_t n)
{
	size_t step;

	for (size_t i = 0; i < n; i += step) {
		step = letter(bytes + i, n - i);
		if (step == 0 || bytes[i] < 0x20 || bytes[i] == 0x7f ||
		    (bytes[i] == 0xc2 && bytes[i + 1] < 0xa0))
			return false;
	}
	return true;
}

void line_bytes(struct line *line, const char *key, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *at = bytes;
	bool are_plain = is_plain(at, n);

	put_key(line, key);
	if (n > EVENT_MAX || !make_room(line, 5 * n + 2)) { /* "\\xNN" of each */
		line->is_broken = true;
		return;
	}
	line->text[line->n++] = '"';
	for (size_t i = 0; i < n; i++) {
		char *to = line->text + line->n;

		if (!are_plain && (at[i] < 0x20 || at[i] >= 0x7f)) {
			to[0] = to[1] = '\\';
			to[2] = 'x';
			to[3] = digits[at[i] >> 4];
			to[4] = digits[at[i] & 15];
			line->n += 5;
			continue;
		}
		if (at[i] == '"' || at[i] == '\\')
			line->text[line->n++] = '\\';
		line->text[line->n++] = (char)at[i];
	}
	line->text[line->n++] = '"';
}

void line_text(struct line *line, const char *key, const char *text)
{
	if (text && text[0] != '\0')
		line_bytes(line, key, text, strlen(text));
}

/* --- other values --- */

void line_number(struct line *line, const char *key, uint64_t number)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)number);

	put_key(line, key);
	put(line, text, (size_t)n);
}

void line_flag(struct line *line, const char *key, bool is)
{
	put_key(line, key);
	if (is)
		PUT(line, "true");
	else
		PUT(line, "false");
}

void line_ms(struct line *line, const char *key, uint64_t us)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%llu.%03u", (unsigned long long)(us / 1000),
			 (unsigned)(us % 1000));

	put_key(line, key);
	put(line, text, (size_t)n);
}

void line_time(struct line *line, const char *key, uint64_t wall_us)
{
	time_t seconds = (time_t)(wall_us / 1000000);
	char text[64];
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(text, sizeof(text), "\"%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(text + n, sizeof(text) - n, ".%06u+0000\"",
			      (unsigned)(wall_us % 1000000));
	put_key(line, key);
	put(line, text, n);
}

void line_object(struct line *line, const char *key)
{
	put_key(line, key);
	PUT(line, "{");
}

void line_object_end(struct line *line)
{
	PUT(line, "}");
}

void line_list(struct line *line, const char *key)
{
	put_key(line, key);
	PUT(line, "[");
}

void line_list_end(struct line *line)
{
	PUT(line, "]");
}

/* --- the whole --- */

static void clear(struct line *line)
{
	line->n = 0;
	line->is_broken = false;
}

void line_begin(struct line *line, enum event_type type, uint64_t wall_us)
{
	clear(line);
	PUT(line, "{");
	line_time(line, "timestamp", wall_us);
	line_text(line, "event_type", event_text(type));
	line_text(line, "schema", LINE_SCHEMA);
}

bool line_end(struct line *line)
{
	PUT(line, "}");
	return !line->is_broken;
}

void line_deinit(struct line *line)
{
	free(line->text);
	*line = (struct line){ 0 };
}

void line_note_begin(struct line *line)
{
	clear(line);
	PUT(line, "{"); /* so that the first has no comma */
}

char *line_note_end(struct line *line)
{
	return line->is_broken || line->n < 2 ? NULL : strndup(line->text + 1, line->n - 1);
}

void line_note(struct line *line, const char *note)
{
	if (!note)
		return;
	put_key(line, NULL);
	put(line, note, strlen(note));
}
