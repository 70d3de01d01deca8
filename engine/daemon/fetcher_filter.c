/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/fetcher_filter.h"

#include <sched.h>
#include <sys/prctl.h>

#include "base/syscalls.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static const int library[] = {
	SCMP_SYS(nanosleep),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
};

/* To make a process for a request, to bound it, to see it end. */
static const int standing[] = {
	SCMP_SYS(wait4),     SCMP_SYS(close_range),     SCMP_SYS(prlimit64), SCMP_SYS(alarm),
	SCMP_SYS(setitimer), SCMP_SYS(set_robust_list), SCMP_SYS(seccomp),
};

/* Whose filter comes on top of this one. */
static void allow_processes(struct syscalls *syscalls)
{
	const struct scmp_arg_cmp same_world = { .arg = 0,
						 .op = SCMP_CMP_MASKED_EQ,
						 .datum_a = CLONE_NEWNS | CLONE_NEWCGROUP |
							    CLONE_NEWUTS | CLONE_NEWIPC |
							    CLONE_NEWUSER | CLONE_NEWPID |
							    CLONE_NEWNET,
						 .datum_b = 0 };
	const struct scmp_arg_cmp no_new_privileges = { .arg = 0,
							.op = SCMP_CMP_EQ,
							.datum_a = PR_SET_NO_NEW_PRIVS };

	syscalls_allow(syscalls, standing, N_OF(standing));
	syscalls_allow_if(syscalls, SCMP_SYS(clone), 1, &same_world);
	syscalls_allow_if(syscalls, SCMP_SYS(prctl), 1, &no_new_privileges);
}

int fetcher_filter_enter(bool may_fork)
{
	struct syscalls syscalls;

	syscalls_init(&syscalls);
	syscalls_allow(&syscalls, library, N_OF(library));
	syscalls_allow_reading(&syscalls);
	syscalls_allow_internet(&syscalls);
	if (may_fork)
		allow_processes(&syscalls);
	return syscalls_enter(&syscalls);
}
