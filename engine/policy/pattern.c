/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/pattern.h"

#include <string.h>

#define GLOB_CHARACTERS "*?["

static bool is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static const char *character_problem(char c)
{
	if ((unsigned char)c >= 0x80)
		return "an international name is written in its xn-- form";
	return "a character that no host name has";
}

static const char *name_problem(const char *name)
{
	size_t label = 0;

	for (;; name++) {
		if (is_name_character(*name)) {
			if (++label > PATTERN_LABEL_MAX)
				return "a label longer than 63 characters";
		} else if (*name && *name != '.') {
			return character_problem(*name);
		} else if (label == 0) {
			return "an empty label";
		} else if (!*name) {
			return NULL;
		} else {
			label = 0;
		}
	}
}

/* The set that follows a '['; *ret_end is its ']'. */
static const char *set_problem(const char *set, const char **ret_end)
{
	const char *at = *set == '!' ? set + 1 : set;

	if (*at == ']')
		return "an empty [set]";
	for (; *at != ']'; at++) {
		if (!*at)
			return "a [set] that is not closed";
		if (!is_name_character(*at) && *at != '.')
			return character_problem(*at);
	}
	*ret_end = at;
	return NULL;
}

static const char *glob_problem(const char *glob)
{
	for (; *glob; glob++) {
		const char *problem = NULL;

		if (*glob == '[')
			problem = set_problem(glob + 1, &glob);
		else if (!is_name_character(*glob) && !strchr(".*?", *glob))
			problem = character_problem(*glob);
		if (problem)
			return problem;
	}
	return NULL;
}

const char *pattern_parse(const char *text, struct pattern *ret_pattern)
{
	struct pattern pattern = { .kind = PATTERN_EXACT };
	size_t n = strlen(text);
	const char *problem;

	if (n == 0)
		return "it is empty";
	if (text[0] == '.') {
		pattern.kind = PATTERN_TREE;
		text++;
	} else if (strncmp(text, "*.", 2) == 0 && !strpbrk(text + 2, GLOB_CHARACTERS)) {
		pattern.kind = PATTERN_BELOW;
		text += 2;
	} else if (strpbrk(text, GLOB_CHARACTERS)) {
		pattern.kind = PATTERN_GLOB;
	}

	n = strlen(text);
	if (n > 0 && text[n - 1] == '.')
		n--;
	if (n > PATTERN_NAME_MAX)
		return "longer than 253 characters";
	for (size_t i = 0; i < n; i++)
		pattern.name[i] =
			text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i];

	problem = pattern.kind == PATTERN_GLOB ? glob_problem(pattern.name)
					       : name_problem(pattern.name);
	if (!problem)
		*ret_pattern = pattern;
	return problem;
}

/* Past the piece of the glob that stands for one character, if that can be c; else NULL. */
static const char *glob_step(const char *glob, char c)
{
	bool is_inverted, hit = false;

	if (*glob != '[')
		return *glob == '?' || *glob == c ? glob + 1 : NULL;

	is_inverted = *++glob == '!';
	glob += is_inverted;
	while (*glob != ']') {
		if (glob[1] == '-' && glob[2] != ']') {
			hit |= glob[0] <= c && c <= glob[2];
			glob += 3;
		} else {
			hit |= *glob == c;
			glob++;
		}
	}
	return hit != is_inverted ? glob + 1 : NULL;
}

/*
 * When a piece does not fit, the last star takes one character more and the rest is tried again.
 * Earlier stars need no second look, so the work is at most the product of both lengths; fnmatch(3)
 * promises nothing of the kind, and the host is the client's choice.
 */
bool pattern_glob_matches(const char *glob, const char *host, size_t n)
{
	const char *after_star = NULL, *next;
	size_t i = 0, star_end = 0;

	while (i < n) {
		if (*glob == '*') {
			after_star = ++glob;
			star_end = i;
		} else if (*glob && (next = glob_step(glob, host[i]))) {
			glob = next;
			i++;
		} else if (after_star) {
			glob = after_star;
			i = ++star_end;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return !*glob;
}
