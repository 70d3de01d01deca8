/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_PROGRAM_H
#define POSTERN_DAEMON_PROGRAM_H

#include <limits.h>

/*
 * Where a program is that posternd starts: as configured (""), else beside posternd, at `in_build`
 * from there (the build tree), or where it is installed.
 */
void program_find(const char *configured, const char *name, const char *in_build,
		  char path[PATH_MAX]);

#endif
