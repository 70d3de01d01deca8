/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_FILTER_H
#define POSTERN_CERTGEN_FILTER_H

#include <stdbool.h>

/*
 * The system calls that are left to this process and to all its threads, for good
 * (base/syscalls.h): what all are left, to sync the record, to lock memory, to send signals to
 * itself.
 *
 * `has_files`: files may be opened and locked, too, as a PKCS#11 module does to reach its token.
 * 0 or -errno; -ENOSYS when this kernel has no filters.
 */
int filter_enter(bool has_files);

#endif
