/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_WEB_CONFINE_H
#define POSTERN_WEB_CONFINE_H

/*
 * The system calls that are left to postern-web, for good (base/syscalls.h): to accept connections
 * and answer them in threads, to read files, and what the store of learned servers takes: SQLite's
 * a folder to write to, Redis's a connection, none nothing. No process, and no socket of any other
 * kind.
 *
 * `store`: learn.store. 0 or -errno; -ENOSYS when this kernel has no filters.
 */
int confine_enter(const char *store);

#endif
