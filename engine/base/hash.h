/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_HASH_H
#define POSTERN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * A hash keyed by a secret of this process (SipHash, libsodium), for every table whose keys come
 * from the wire: nobody outside can make two keys meet in one bucket.
 */
uint64_t hash_bytes(const void *bytes, size_t n);

#endif
