/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_LISTFILE_H
#define POSTERN_POLICY_LISTFILE_H

#include <stdbool.h>

#include "policy/config.h"

/*
 * A file with one entry a line. Blanks around an entry do not count, nor blank lines, nor lines
 * that begin with '#'; where entries cannot have one, nothing behind a '#' does.
 */
struct listfile {
	const char *path;
	bool has_comments_behind;
	/* Of each entry: 0, or what listfile_read() is to return. */
	int (*add)(const struct listfile *file, const char *entry, unsigned line, void *owner,
		   struct config_error *ret_error);
};

/*
 * 0; -EINVAL with *ret_error filled for a mistake in the file; another -errno, *ret_error
 * untouched, when it could not be read.
 */
int listfile_read(const struct listfile *file, void *owner, struct config_error *ret_error);

#endif
