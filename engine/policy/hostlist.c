/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/hostlist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/mistake.h"
#include "policy/pattern.h"

#define BLANKS " \t\r\n"

static int add_line(struct ruleset *rules, char *text, size_t n, const char *path, unsigned line,
		    struct config_error *ret_error)
{
	struct pattern pattern;
	const char *problem;

	if (strlen(text) != n)
		return mistake(ret_error, path, line, NULL, "a zero byte in the line");
	text[strcspn(text, "#")] = '\0';
	text += strspn(text, BLANKS);
	for (n = strlen(text); n > 0 && strchr(BLANKS, text[n - 1]); n--)
		text[n - 1] = '\0';
	if (n == 0)
		return 0;
	problem = pattern_parse(text, &pattern);
	if (problem)
		return mistake(ret_error, path, line, NULL, "'%.300s' is no host pattern: %s", text,
			       problem);
	return ruleset_add_host(rules, &pattern);
}

int hostlist_read(const char *path, struct ruleset *rules, struct config_error *ret_error)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;
	int r = 0;

	if (!file)
		return -errno;
	for (unsigned line = 1; r == 0; line++) {
		ssize_t n;

		errno = 0;
		n = getline(&text, &room, file);
		if (n < 0) {
			r = -errno;
			break;
		}
		r = add_line(rules, text, (size_t)n, path, line, ret_error);
	}
	free(text);
	fclose(file);
	return r;
}
