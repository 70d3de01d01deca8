/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_FETCHER_FILTER_H
#define POSTERN_DAEMON_FETCHER_FILTER_H

#include <stdbool.h>

/*
 * The system calls that are left to the process of one request, for good (base/syscalls.h): to look
 * up a name in files and by DNS, to speak TCP and UDP, to answer. No local sockets, no raw ones, no
 * file to write to, no process, no memory that could be run; so no other modules of
 * nsswitch.conf(5) than those that are in the C library.
 *
 * `may_fork`: as for the two that stand; each request is a process with all of that, and with less.
 * 0 or -errno; -ENOSYS when this kernel has no filters.
 */
int fetcher_filter_enter(bool may_fork);

#endif
