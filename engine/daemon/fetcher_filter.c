/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/fetcher_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static const int allowed[] = {
	/* sockets */
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(shutdown),
	SCMP_SYS(ioctl),
	/* files, and what is open */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(lseek),
	SCMP_SYS(pread64),
	SCMP_SYS(fcntl),
	SCMP_SYS(fstat),
	SCMP_SYS(stat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	/* time, chance, threads, signals */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(futex),
	SCMP_SYS(sched_yield),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(uname),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static const int deadly[] = {
	SCMP_SYS(execve),           SCMP_SYS(execveat),          SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(kexec_load),
	SCMP_SYS(init_module),      SCMP_SYS(finit_module),      SCMP_SYS(bpf),
	SCMP_SYS(userfaultfd),
};

/* A call that this processor's kernel has not is no mistake. */
static int add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = calls[i] < 0 ? 0 : seccomp_rule_add(filter, action, calls[i], 0);
	return r;
}

/* Over IP, but none that are raw; and what getaddrinfo() asks about addresses by. */
static int add_sockets(scmp_filter_ctx filter)
{
	static const unsigned families[] = { AF_INET, AF_INET6 };
	static const unsigned types[] = { SOCK_STREAM, SOCK_DGRAM };
	const struct scmp_arg_cmp netlink = { .arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_NETLINK };
	const struct scmp_arg_cmp routes = { .arg = 2, .op = SCMP_CMP_EQ, .datum_a = 0 };
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, netlink, routes);

	for (size_t i = 0; i < N_OF(families) * N_OF(types) && r == 0; i++) {
		const struct scmp_arg_cmp family = { .arg = 0,
						     .op = SCMP_CMP_EQ,
						     .datum_a = families[i / N_OF(types)] };
		const struct scmp_arg_cmp type = { .arg = 1,
						   .op = SCMP_CMP_MASKED_EQ,
						   .datum_a = ~(scmp_datum_t)(SOCK_CLOEXEC |
									      SOCK_NONBLOCK),
						   .datum_b = types[i % N_OF(types)] };

		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, family, type);
	}
	return r;
}

/* Files to read, memory that is no code. */
static int add_checked(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp reads = { .arg = 2,
					    .op = SCMP_CMP_MASKED_EQ,
					    .datum_a = O_ACCMODE | O_CREAT | O_TRUNC,
					    .datum_b = O_RDONLY };
	const struct scmp_arg_cmp no_code = {
		.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0
	};
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, reads);

	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_code);
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_code);
	return r;
}

int fetcher_filter_enter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!filter)
		return -ENOMEM;
	/* The kernel's own errno, to tell one without filters. */
	r = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (r == 0)
		r = add(filter, SCMP_ACT_KILL_PROCESS, deadly, N_OF(deadly));
	if (r == 0)
		r = add(filter, SCMP_ACT_ALLOW, allowed, N_OF(allowed));
	if (r == 0)
		r = add_sockets(filter);
	if (r == 0)
		r = add_checked(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r == -EINVAL ? -ENOSYS : r;
}
