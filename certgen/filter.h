/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_FILTER_H
#define POSTERN_CERTGEN_FILTER_H

#include <stdbool.h>

/*
 * The system calls that are left to this process and to all its threads, for good (seccomp(2)): to
 * wait, to read and write what is open already, and memory. What only an intruder would try (to run
 * a program, to trace a process, to load code into the kernel) kills the process; all else fails
 * with EPERM, so that a library which tries and can do without goes on.
 *
 * `has_files`: files may be opened and locked, too, as a PKCS#11 module does to reach its token.
 * 0 or -errno; -ENOSYS when this kernel has no filters.
 */
int filter_enter(bool has_files);

#endif
