/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certgen/sandbox.h"
#include "cmocka_all.h"

/*
 * Each case in a process of its own, which enters the sandbox and then tries. It ends by _exit(),
 * as the leak checker of the sanitizers would itself be held back.
 */

enum { ALLOWED, REFUSED, OTHERWISE };

static int said(long r)
{
	return r >= 0 ? ALLOWED : errno == EPERM ? REFUSED : OTHERWISE;
}

static int try_socket(void)
{
	return said(socket(AF_INET, SOCK_STREAM, 0));
}

static int try_local_socket(void)
{
	return said(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int try_netlink(void)
{
	return said(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int try_connect(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	return said(connect(0, (struct sockaddr *)&to, sizeof(to)));
}

static int try_open(void)
{
	return said(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int try_create(void)
{
	return said(open("/tmp/postern-sandbox", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int try_fork(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return said(pid);
}

static int try_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return said(page == MAP_FAILED ? -1 : 0);
}

static int try_code_later(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? OTHERWISE : said(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int try_dumpable(void)
{
	return said(prctl(PR_SET_DUMPABLE, 1));
}

static int try_kill(void)
{
	return said(kill(getpid(), 0));
}

static int try_exec(void)
{
	return said(execl("/bin/true", "true", (char *)NULL));
}

static int try_ptrace(void)
{
	return said(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int try_other_memory(void)
{
	char byte;
	struct iovec part = { &byte, 1 };

	return said(process_vm_readv(getpid(), &part, 1, &part, 1, 0));
}

static int try_memory(void)
{
	char *page = malloc(4 << 20);

	if (!page)
		return REFUSED;
	memset(page, 1, 4 << 20);
	free(page);
	return ALLOWED;
}

static int try_write(void)
{
	return said(write(STDERR_FILENO, "", 0));
}

static int run(const struct sandbox *sandbox, int (*attempt)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(sandbox_protect_memory(false) < 0 || sandbox_enter(sandbox) < 0 ? 100
										      : attempt());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void assert_result(bool has_files, int (*attempt)(void), int result)
{
	const struct sandbox sandbox = { .user = "", .highest_fd = 9, .has_files = has_files };
	int status = run(&sandbox, attempt);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), result);
}

static void test_refused(void **state)
{
	int (*const attempts[])(void) = { try_socket,     try_local_socket, try_netlink,
					  try_connect,    try_fork,         try_code,
					  try_code_later, try_dumpable,     try_kill };

	(void)state;
	for (size_t i = 0; i < N_OF(attempts); i++) {
		assert_result(false, attempts[i], REFUSED);
		assert_result(true, attempts[i], REFUSED);
	}
}

static void test_allowed(void **state)
{
	(void)state;
	assert_result(false, try_memory, ALLOWED);
	assert_result(false, try_write, ALLOWED);
}

static void test_files(void **state)
{
	(void)state;
	assert_result(false, try_open, REFUSED);
	assert_result(false, try_create, REFUSED);
	assert_result(true, try_open, ALLOWED);
}

static void test_deadly(void **state)
{
	int (*const attempts[])(void) = { try_exec, try_ptrace, try_other_memory };
	const struct sandbox sandbox = { .user = "", .highest_fd = 9 };

	(void)state;
	for (size_t i = 0; i < N_OF(attempts); i++) {
		int status = run(&sandbox, attempts[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_deadly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
