/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static const int common[] = {
	/* what is open */
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	/* time, chance, threads, signals */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(futex),
	SCMP_SYS(sched_yield),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
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

static const int reading[] = {
	SCMP_SYS(lseek), SCMP_SYS(pread64), SCMP_SYS(stat), SCMP_SYS(statx), SCMP_SYS(fcntl),
};

static const int internet[] = {
	SCMP_SYS(connect),    SCMP_SYS(bind),       SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(select),      SCMP_SYS(pselect6),
	SCMP_SYS(sendmmsg),   SCMP_SYS(shutdown),   SCMP_SYS(ioctl),       SCMP_SYS(uname),
};

static const int threads[] = {
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_getaffinity),
};

/* A call that this processor's kernel has not is no mistake. */
static void add(struct syscalls *syscalls, uint32_t action, const int *calls, size_t n)
{
	for (size_t i = 0; i < n && syscalls->r == 0; i++)
		if (calls[i] >= 0)
			syscalls->r = seccomp_rule_add(syscalls->filter, action, calls[i], 0);
}

void syscalls_allow(struct syscalls *syscalls, const int *calls, size_t n)
{
	add(syscalls, SCMP_ACT_ALLOW, calls, n);
}

void syscalls_allow_if(struct syscalls *syscalls, int call, unsigned n,
		       const struct scmp_arg_cmp *conditions)
{
	if (syscalls->r == 0)
		syscalls->r = seccomp_rule_add_array(syscalls->filter, SCMP_ACT_ALLOW, call, n,
						     conditions);
}

void syscalls_init(struct syscalls *syscalls)
{
	const struct scmp_arg_cmp no_code = {
		.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0
	};

	*syscalls = (struct syscalls){ .filter = seccomp_init(SCMP_ACT_ERRNO(EPERM)) };
	if (!syscalls->filter) {
		syscalls->r = -ENOMEM;
		return;
	}
	/* All threads; and the kernel's own errno, to tell one without filters. */
	syscalls->r = seccomp_attr_set(syscalls->filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (syscalls->r == 0)
		syscalls->r = seccomp_attr_set(syscalls->filter, SCMP_FLTATR_API_SYSRAWRC, 1);
	add(syscalls, SCMP_ACT_KILL_PROCESS, deadly, N_OF(deadly));
	add(syscalls, SCMP_ACT_ALLOW, common, N_OF(common));
	syscalls_allow_if(syscalls, SCMP_SYS(mmap), 1, &no_code);
	syscalls_allow_if(syscalls, SCMP_SYS(mprotect), 1, &no_code);
}

void syscalls_allow_reading(struct syscalls *syscalls)
{
	const struct scmp_arg_cmp reads = { .arg = 2,
					    .op = SCMP_CMP_MASKED_EQ,
					    .datum_a = O_ACCMODE | O_CREAT | O_TRUNC,
					    .datum_b = O_RDONLY };

	syscalls_allow(syscalls, reading, N_OF(reading));
	syscalls_allow_if(syscalls, SCMP_SYS(openat), 1, &reads);
}

/* Over IP, but none that are raw; and what getaddrinfo() asks about addresses by. */
void syscalls_allow_internet(struct syscalls *syscalls)
{
	static const unsigned families[] = { AF_INET, AF_INET6 };
	static const unsigned types[] = { SOCK_STREAM, SOCK_DGRAM };
	const struct scmp_arg_cmp routes[] = {
		{ .arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_NETLINK },
		{ .arg = 2, .op = SCMP_CMP_EQ, .datum_a = 0 },
	};

	syscalls_allow(syscalls, internet, N_OF(internet));
	syscalls_allow_if(syscalls, SCMP_SYS(socket), N_OF(routes), routes);
	for (size_t i = 0; i < N_OF(families) * N_OF(types); i++) {
		const struct scmp_arg_cmp wanted[] = {
			{ .arg = 0, .op = SCMP_CMP_EQ, .datum_a = families[i / N_OF(types)] },
			{ .arg = 1,
			  .op = SCMP_CMP_MASKED_EQ,
			  .datum_a = ~(scmp_datum_t)(SOCK_CLOEXEC | SOCK_NONBLOCK),
			  .datum_b = types[i % N_OF(types)] },
		};

		syscalls_allow_if(syscalls, SCMP_SYS(socket), N_OF(wanted), wanted);
	}
}

void syscalls_allow_threads(struct syscalls *syscalls)
{
	const struct scmp_arg_cmp thread = {
		.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = CLONE_THREAD, .datum_b = CLONE_THREAD
	};
	const int clone3 = SCMP_SYS(clone3);

	syscalls_allow(syscalls, threads, N_OF(threads));
	syscalls_allow_if(syscalls, SCMP_SYS(clone), 1, &thread);
	/* Its flags are in memory, where no filter can see them. The C library takes clone(). */
	add(syscalls, SCMP_ACT_ERRNO(ENOSYS), &clone3, 1);
}

int syscalls_enter(struct syscalls *syscalls)
{
	int r = syscalls->r;

	if (r == 0)
		r = seccomp_load(syscalls->filter);
	seccomp_release(syscalls->filter);
	syscalls->filter = NULL;
	return r == -EINVAL ? -ENOSYS : r;
}
