/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FIRST_ROOM = 16384 };

void text_free(struct text *text)
{
	free(text->bytes);
	*text = (struct text){ .bytes = NULL };
}

/* For n more, and a NUL. */
static bool reserve(struct text *text, size_t n)
{
	size_t room = text->room > 0 ? text->room : FIRST_ROOM;
	char *bytes;

	if (text->has_failed)
		return false;
	while (room - text->n <= n)
		room *= 2;
	if (room == text->room)
		return true;
	bytes = realloc(text->bytes, room);
	if (!bytes) {
		text->has_failed = true;
		return false;
	}
	text->bytes = bytes;
	text->room = room;
	return true;
}

static void put(struct text *text, const char *bytes, size_t n)
{
	if (!reserve(text, n))
		return;
	memcpy(text->bytes + text->n, bytes, n);
	text->n += n;
	text->bytes[text->n] = '\0';
}

void text_put(struct text *text, const char *string)
{
	put(text, string, strlen(string));
}

void text_add(struct text *text, const char *format, ...)
{
	va_list arguments, again;
	int n;

	va_start(arguments, format);
	va_copy(again, arguments);
	n = vsnprintf(NULL, 0, format, arguments);
	if (n > 0 && reserve(text, (size_t)n)) {
		(void)vsnprintf(text->bytes + text->n, (size_t)n + 1, format, again);
		text->n += (size_t)n;
	}
	va_end(again);
	va_end(arguments);
}

void text_html(struct text *text, const char *string)
{
	for (; *string; string++) {
		switch (*string) {
		case '&':
			text_put(text, "&amp;");
			break;
		case '<':
			text_put(text, "&lt;");
			break;
		case '>':
			text_put(text, "&gt;");
			break;
		case '"':
			text_put(text, "&quot;");
			break;
		case '\'':
			text_put(text, "&#39;");
			break;
		default:
			put(text, *string >= ' ' && *string < 0x7f ? string : "?", 1);
		}
	}
}

void text_plain(struct text *text, const char *string)
{
	for (; *string; string++)
		put(text, *string >= ' ' && *string < 0x7f ? string : "?", 1);
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-' || c == '_';
}

void text_query(struct text *text, const char *string)
{
	for (; *string; string++) {
		if (is_plain(*string))
			put(text, string, 1);
		else
			text_add(text, "%%%02X", (unsigned)(unsigned char)*string);
	}
}

void text_moment(struct text *text, uint64_t us)
{
	time_t seconds = (time_t)(us / 1000000);
	char machine[32], people[32];
	struct tm parts;

	if (us == 0 || !gmtime_r(&seconds, &parts)) {
		text_put(text, "never");
		return;
	}
	strftime(machine, sizeof(machine), "%Y-%m-%dT%H:%M:%SZ", &parts);
	strftime(people, sizeof(people), "%Y-%m-%d %H:%M:%S", &parts);
	text_add(text, "<time datetime=\"%s\">%s</time>", machine, people);
}

void text_beat(struct text *text, uint64_t beat, uint64_t now)
{
	if (beat == 0)
		text_put(text, "none");
	else
		text_add(text, "%.1f s ago", now > beat ? (double)(now - beat) / 1000 : 0.0);
}
