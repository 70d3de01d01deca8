/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_FETCHER_FILTER_H
#define POSTERN_DAEMON_FETCHER_FILTER_H

/*
 * The system calls that are left to the process of one request, for good (seccomp(2)): to look up a
 * name in files and by DNS, to speak TCP and UDP, to answer. No local sockets, no raw ones, no file
 * to write to, no process, no memory that could be run; so no other modules of nsswitch.conf(5)
 * than those that are in the C library. To run a program or to look into another process kills it;
 * all else fails with EPERM, so that a library which tries and can do without goes on.
 *
 * 0 or -errno; -ENOSYS when this kernel has no filters.
 */
int fetcher_filter_enter(void);

#endif
