/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the process with the CA's key may still do. */
#include "certgen/sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "test/unit/attempts.h"

static int try_socket(void)
{
	return said(socket(AF_INET, SOCK_STREAM, 0));
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

static int try_create(void)
{
	return said(open("/tmp/postern-sandbox", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int try_code_at_once(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return said(page == MAP_FAILED ? -1 : 0);
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

static void assert_result(bool has_files, int (*attempt)(void), int result)
{
	const struct sandbox sandbox = { .user = "", .highest_fd = 9, .has_files = has_files };
	pid_t pid = fork();

	if (pid == 0)
		_exit(sandbox_protect_memory(false) < 0 || sandbox_enter(&sandbox) < 0 ? NOT_ENTERED
										       : attempt());
	assert_int_equal(fate_of_child(pid), result);
}

static void test_refused(void **state)
{
	int (*const attempts[])(void) = { try_socket,       try_local,    try_netlink,
					  try_connect,      try_fork,     try_code,
					  try_code_at_once, try_dumpable, try_kill_self };

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
	assert_result(false, try_read, REFUSED);
	assert_result(false, try_create, REFUSED);
	assert_result(true, try_read, ALLOWED);
}

static void test_deadly(void **state)
{
	int (*const attempts[])(void) = { try_exec, try_ptrace, try_other_memory };

	(void)state;
	for (size_t i = 0; i < N_OF(attempts); i++)
		assert_result(false, attempts[i], -SIGSYS);
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
