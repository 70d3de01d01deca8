/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_FILE_H
#define POSTERN_CLI_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Puts a file in place whole: written beside it, synced, renamed. 0 or -errno; -EEXIST when it is
 * there already and not to be replaced.
 */
int file_write(const char *path, mode_t mode, const void *bytes, size_t n, bool is_replacing);

/* To `path`, replacing what is there; NULL: to standard output. 0 or -errno. */
int file_print(const char *path, const void *bytes, size_t n);

/*
 * The whole of a regular file or, for "-", of standard input, into memory that is to be freed. 0;
 * -EFBIG: more than `max` bytes; -errno.
 */
int file_read(const char *path, size_t max, uint8_t **ret_bytes, size_t *ret_n);

#endif
