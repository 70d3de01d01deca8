/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/authorities.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/array.h"
#include "policy/listfile.h"
#include "policy/mistake.h"

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

static int add(const struct listfile *file, const char *entry, unsigned line, void *owner,
	       struct config_error *ret_error)
{
	struct authorities *authorities = owner;
	char **names;

	if (!strchr(entry, '='))
		return mistake(
			ret_error, file->path, line, NULL,
			"'%.300s' is no name of an authority, such as CN=Example CA,O=Example",
			entry);
	names = array_grow(authorities->names, authorities->n, sizeof(*names));
	if (!names)
		return -ENOMEM;
	authorities->names = names;
	names[authorities->n] = strdup(entry);
	return names[authorities->n] ? (authorities->n++, 0) : -ENOMEM;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int authorities_read(const char *path, struct authorities **ret_authorities,
		     struct config_error *ret_error)
{
	const struct listfile file = { .path = path, .add = add };
	struct authorities *authorities = calloc(1, sizeof(*authorities));
	int r = authorities ? listfile_read(&file, authorities, ret_error) : -ENOMEM;

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
