/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_FLEET_TAR_H
#define POSTERN_FLEET_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Archives as tar(1) reads them (POSIX.1-1988, "ustar"), in one form only: regular files of root,
 * mode 0644, no time. Name and size of a file thus determine each byte around it, and whoever knows
 * them compares instead of parsing.
 */

enum { TAR_BLOCK = 512, TAR_NAME_MAX = 100 }; /* the name without a zero behind it */

/* The block before a file. The name has at most TAR_NAME_MAX bytes, the size less than 8 GiB. */
void tar_header(const char *name, uint64_t size, uint8_t block[TAR_BLOCK]);

/* The size in a block that is such a header of that name. False: it is none. */
bool tar_size(const uint8_t block[TAR_BLOCK], const char *name, uint64_t *ret_size);

/* The zeros behind a file of that size. */
size_t tar_padding(uint64_t size);

/* Two blocks of zeros end the archive. */
enum { TAR_END = 2 * TAR_BLOCK };

#endif
