/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/authorities.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/array.h"
#include "policy/mistake.h"

#define BLANKS " \t\r\n"

struct authorities {
	char **names; /* sorted */
	unsigned n;
};

void authorities_free(struct authorities *authorities)
{
	if (!authorities)
		return;
	for (unsigned i = 0; i < authorities->n; i++)
		free(authorities->names[i]);
	free(authorities->names);
	free(authorities);
}

static int add_line(struct authorities *authorities, char *text, size_t n, const char *path,
		    unsigned line, struct config_error *ret_error)
{
	char **names;

	if (strlen(text) != n)
		return mistake(ret_error, path, line, NULL, "a zero byte in the line");
	text += strspn(text, BLANKS);
	for (n = strlen(text); n > 0 && strchr(BLANKS, text[n - 1]); n--)
		text[n - 1] = '\0';
	if (n == 0 || text[0] == '#')
		return 0;
	if (!strchr(text, '='))
		return mistake(
			ret_error, path, line, NULL,
			"'%.300s' is no name of an authority, such as CN=Example CA,O=Example",
			text);
	names = array_grow(authorities->names, authorities->n, sizeof(*names));
	if (!names)
		return -ENOMEM;
	authorities->names = names;
	names[authorities->n] = strdup(text);
	return names[authorities->n] ? (authorities->n++, 0) : -ENOMEM;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_lines(FILE *file, struct authorities *authorities, const char *path,
		      struct config_error *ret_error)
{
	char *text = NULL;
	size_t room = 0;
	int r = 0;

	for (unsigned line = 1; r == 0; line++) {
		ssize_t n;

		errno = 0;
		n = getline(&text, &room, file);
		if (n < 0) {
			r = -errno;
			break;
		}
		r = add_line(authorities, text, (size_t)n, path, line, ret_error);
	}
	free(text);
	return r;
}

int authorities_read(const char *path, struct authorities **ret_authorities,
		     struct config_error *ret_error)
{
	struct authorities *authorities = calloc(1, sizeof(*authorities));
	FILE *file = fopen(path, "re");
	int r = !file ? -errno : !authorities ? -ENOMEM : 0;

	if (r == 0)
		r = read_lines(file, authorities, path, ret_error);
	if (file)
		fclose(file);
	if (r < 0) {
		authorities_free(authorities);
		return r;
	}
	if (authorities->n > 0)
		qsort(authorities->names, authorities->n, sizeof(char *), compare);
	*ret_authorities = authorities;
	return 0;
}

bool authorities_have(const struct authorities *authorities, const char *name)
{
	return authorities->n > 0 &&
	       bsearch(&name, authorities->names, authorities->n, sizeof(char *), compare) != NULL;
}
