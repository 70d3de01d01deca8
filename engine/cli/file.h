/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_FILE_H
#define POSTERN_CLI_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Puts a file in place whole: written beside it, synced, renamed. 0 or -errno; -EEXIST when it is
 * there already and not to be replaced.
 */
int file_write(const char *path, mode_t mode, const void *bytes, size_t n, bool is_replacing);

/* To `path`, replacing what is there; NULL: to standard output. 0 or -errno. */
int file_print(const char *path, const void *bytes, size_t n);

#endif
