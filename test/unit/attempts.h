/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_ATTEMPTS_H
#define POSTERN_TEST_ATTEMPTS_H

/*
 * What is tried behind a filter of system calls: each case in a process of its own, which enters
 * the filter and then tries. It ends by _exit(), as the leak checker of the sanitizers would itself
 * be held back.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/unit/cmocka_all.h"

enum { ALLOWED, REFUSED, OTHERWISE, NOT_ENTERED }; /* what an attempt exits with */

/* What became of the child: its exit code, or minus the signal. */
static inline int fate_of_child(pid_t pid)
{
	int status;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static inline int said(long r)
{
	return r >= 0 ? ALLOWED : errno == EPERM ? REFUSED : OTHERWISE;
}

static inline int try_read(void)
{
	return said(open("/etc/hosts", O_RDONLY | O_CLOEXEC));
}

static inline int try_local(void)
{
	return said(socket(AF_UNIX, SOCK_STREAM, 0));
}

static inline int try_raw(void)
{
	return said(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static inline int try_netfilter(void)
{
	return said(socket(AF_NETLINK, SOCK_RAW, 12));
}

static inline int try_fork(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return said(pid);
}

/* Written now, to be run later. */
static inline int try_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? OTHERWISE : said(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static inline int try_dumpable(void)
{
	return said(prctl(PR_SET_DUMPABLE, 1));
}

static inline int try_kill_self(void)
{
	return said(kill(getpid(), 0));
}

static inline int try_exec(void)
{
	return said(execl("/bin/true", "true", (char *)NULL));
}

static inline int try_ptrace(void)
{
	return said(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

#endif
