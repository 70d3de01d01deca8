/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_SYSCALLS_H
#define POSTERN_BASE_SYSCALLS_H

#include <seccomp.h>
#include <stddef.h>

/*
 * The system calls that are left to a process and to all its threads and children, for good
 * (seccomp(2)). To begin with: to read, write and close what is open already, to wait, memory that
 * is no code, time, chance, signals of its own, its end. A process adds what it needs beside.
 *
 * What only an intruder would try (to run a program, to trace a process, to load code into the
 * kernel) kills the process; all else fails with EPERM, so that a library which tries and can do
 * without goes on.
 *
 * Only the last step says what failed on the way.
 */
struct syscalls {
	scmp_filter_ctx filter;
	int r;
};

void syscalls_init(struct syscalls *syscalls);

/* By number: SCMP_SYS(). */
void syscalls_allow(struct syscalls *syscalls, const int *calls, size_t n);
void syscalls_allow_if(struct syscalls *syscalls, int call, unsigned n,
		       const struct scmp_arg_cmp *conditions);
/* Files to be read, as far as the user may. */
void syscalls_allow_reading(struct syscalls *syscalls);
/* TCP and UDP to others, names looked up in files and by DNS; nothing local, nothing raw. */
void syscalls_allow_internet(struct syscalls *syscalls);
/* More threads, and no process. */
void syscalls_allow_threads(struct syscalls *syscalls);

/* 0 or -errno; -ENOSYS when this kernel has no filters. */
int syscalls_enter(struct syscalls *syscalls);

#endif
