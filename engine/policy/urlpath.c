/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/urlpath.h"

#include <string.h>

#include "policy/pattern.h"

enum { LEVELS = 3 };

/* --- reading --- */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of the escape that begins there; -1: there is none. */
static int escaped(const char *at, const char *end)
{
	if (end - at < 3 || at[0] != '%' || digit(at[1]) < 0 || digit(at[2]) < 0)
		return -1;
	return digit(at[1]) << 4 | digit(at[2]);
}

/* One level of escapes, in place. The new length. */
static size_t unescape(char *text, size_t n, bool is_lenient)
{
	const char *at = text, *end = text + n;
	char *to = text;

	while (at < end) {
		int byte = escaped(at, end);

		if (byte < 0 || (!is_lenient && (byte == '/' || byte == '%' || byte == 0))) {
			*to++ = *at++;
		} else {
			*to++ = (char)byte;
			at += 3;
		}
	}
	return (size_t)(to - text);
}

static bool is_segment(const char *at, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - at) == n && memcmp(at, word, n) == 0;
}

/* RFC 3986 section 5.2.4, in place: segment after segment, each with the slash in front of it. */
static void remove_dots(char *text)
{
	const char *at = text;
	char *to = text;

	while (*at == '/') {
		const char *end = at + 1 + strcspn(at + 1, "/");
		bool is_up = is_segment(at, end, "/..");

		if (is_up || is_segment(at, end, "/.")) {
			while (is_up && to > text && *--to != '/')
				;
			if (*end == '\0')
				*to++ = '/';
		} else {
			memmove(to, at, (size_t)(end - at));
			to += end - at;
		}
		at = end;
	}
	*to = '\0';
}

/* Before dot segments are looked for. */
static void simplify(char *text)
{
	const char *at = text;
	char *to = text;

	for (char *c = text; *c; c++)
		if (*c == '\\')
			*c = '/';
	while (*at) {
		const char *end = at + 1 + strcspn(at + 1, "/");
		const char *last = at + strcspn(at, ";");
		bool is_dots;

		if (last > end)
			last = end;
		is_dots = is_segment(at, last, "/.") || is_segment(at, last, "/..");
		while (!is_dots && last > at + 1 && (last[-1] == '.' || last[-1] == ' '))
			last--;
		if (last > at + 1 || *end == '\0') {
			memmove(to, at, (size_t)(last - at));
			to += last - at;
		}
		at = end;
	}
	*to = '\0';
}

static void lower(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text |= 0x20;
}

static void read_plain(char *text, size_t n)
{
	text[unescape(text, n, false)] = '\0';
	lower(text);
	remove_dots(text);
}

static void read_lenient(char *text, size_t n)
{
	for (unsigned i = 0; i < LEVELS; i++)
		n = unescape(text, n, true);
	text[n] = '\0'; /* and a NUL among them ends it */
	lower(text);
	simplify(text);
	remove_dots(text);
}

void urlpath_read(const char *target, size_t n, struct urlpath *ret_path)
{
	size_t n_path = 0;

	while (n_path < n && target[n_path] != '?' && target[n_path] != '#' &&
	       target[n_path] != '\0')
		n_path++;
	ret_path->is_unclear = n_path > URLPATH_MAX;
	if (n_path == 0 || ret_path->is_unclear || target[0] != '/') {
		strcpy(ret_path->plain, "/");
		strcpy(ret_path->lenient, "/");
		return;
	}
	memcpy(ret_path->plain, target, n_path);
	memcpy(ret_path->lenient, target, n_path);
	read_plain(ret_path->plain, n_path);
	read_lenient(ret_path->lenient, n_path);
}

/* --- patterns --- */

const char *urlpath_pattern_problem(const char *pattern)
{
	if (pattern[0] != '/')
		return "it does not begin with a slash";
	if (strlen(pattern) > 255)
		return "longer than 255 characters";
	if (strpbrk(pattern, "?#"))
		return "what follows a '?' or '#' is no part of a path";
	if (strchr(pattern, '%'))
		return "escapes such as %20 are undone before: write the character";
	if (strpbrk(pattern, "[\\;"))
		return "a character that is never compared";
	if (strstr(pattern, "//") || strstr(pattern, "/./") || strstr(pattern, "/../"))
		return "doubled slashes and dots are undone before: nothing would match";
	return NULL;
}

void urlpath_pattern_prepare(char *pattern)
{
	size_t n = strlen(pattern);

	lower(pattern);
	if (n > 0 && pattern[n - 1] == '/')
		pattern[n - 1] = '\0';
}

static bool matches(const char *text, const char *pattern)
{
	size_t n = strlen(pattern);

	if (strchr(pattern, '*'))
		return pattern_glob_matches(pattern, text, strlen(text));
	return strncmp(text, pattern, n) == 0 && (text[n] == '\0' || text[n] == '/');
}

bool urlpath_matches(const struct urlpath *path, const char *pattern, bool in_all)
{
	bool plain, lenient;

	if (path->is_unclear)
		return !in_all;
	plain = matches(path->plain, pattern);
	lenient = matches(path->lenient, pattern);
	return in_all ? plain && lenient : plain || lenient;
}
