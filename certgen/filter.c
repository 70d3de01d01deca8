/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/filter.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

static const int allowed[] = {
	/* the sockets of the engine, the record, the log */
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
	SCMP_SYS(fdatasync),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock),
	SCMP_SYS(munlock),
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

static const int allowed_files[] = {
	SCMP_SYS(open),       SCMP_SYS(openat),     SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(stat),       SCMP_SYS(lstat),  SCMP_SYS(lseek),
	SCMP_SYS(pread64),    SCMP_SYS(getdents64), SCMP_SYS(fcntl),  SCMP_SYS(flock),
	SCMP_SYS(statx),      SCMP_SYS(getegid),    SCMP_SYS(getgid), SCMP_SYS(umask),
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
	for (size_t i = 0; i < n; i++) {
		int r = calls[i] < 0 ? 0 : seccomp_rule_add(filter, action, calls[i], 0);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Memory, but none that could be run; signals, but to nobody else. */
static int add_checked(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp ourselves = { .arg = 0,
						.op = SCMP_CMP_EQ,
						.datum_a = (scmp_datum_t)getpid() };
	const struct scmp_arg_cmp no_code = {
		.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0
	};
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_code);

	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_code);
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, ourselves);
	return r;
}

int filter_enter(bool has_files)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!filter)
		return -ENOMEM;
	/* All threads; and the kernel's own errno, to tell one without filters. */
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (r == 0)
		r = add(filter, SCMP_ACT_KILL_PROCESS, deadly, sizeof(deadly) / sizeof(deadly[0]));
	if (r == 0)
		r = add(filter, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(allowed[0]));
	if (r == 0 && has_files)
		r = add(filter, SCMP_ACT_ALLOW, allowed_files,
			sizeof(allowed_files) / sizeof(allowed_files[0]));
	if (r == 0)
		r = add_checked(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r == -EINVAL ? -ENOSYS : r;
}
