/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/listfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/mistake.h"

#define BLANKS " \t\r\n"

static int add_line(const struct listfile *file, char *text, size_t n, unsigned line, void *owner,
		    struct config_error *ret_error)
{
	if (strlen(text) != n)
		return mistake(ret_error, file->path, line, NULL, "a zero byte in the line");
	if (file->has_comments_behind)
		text[strcspn(text, "#")] = '\0';
	text += strspn(text, BLANKS);
	for (n = strlen(text); n > 0 && strchr(BLANKS, text[n - 1]); n--)
		text[n - 1] = '\0';
	if (n == 0 || text[0] == '#')
		return 0;
	return file->add(file, text, line, owner, ret_error);
}

int listfile_read(const struct listfile *file, void *owner, struct config_error *ret_error)
{
	FILE *stream = fopen(file->path, "re");
	char *text = NULL;
	size_t room = 0;
	int r = 0;

	if (!stream)
		return -errno;
	for (unsigned line = 1; r == 0; line++) {
		ssize_t n;

		errno = 0;
		n = getline(&text, &room, stream);
		if (n < 0) {
			r = -errno;
			break;
		}
		r = add_line(file, text, (size_t)n, line, owner, ret_error);
	}
	free(text);
	fclose(stream);
	return r;
}
