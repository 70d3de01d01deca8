/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/local.h"

static void test_what_is_local(void **state)
{
	static const char *const local[] = { "127.0.0.1:57012", "127.8.9.1:1", "[::1]:65535",
					     "unix:/a", "unix:/run/postern/capture.sock" };
	static const char *const other[] = {
		"",
		"none",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:0",
		"127.0.0.1:65536",
		"127.0.0.1:1x",
		"0.0.0.0:1",
		"10.0.0.1:1",
		"[::]:1",
		"::1:1",
		"[127.0.0.1]:1",
		"[fe80::1]:1",
		"[::ffff:127.0.0.1]:1",
		"/a",
		"unix:a",
		"localhost:1",
		":1",
		"[]:1",
		"]:1",
		"[:1",
	};
	struct local parsed;
	char text[256];

	(void)state;
	for (unsigned i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (!local_parse(local[i], &parsed))
			fail_msg("'%s' is local", local[i]);
	for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (local_parse(other[i], &parsed))
			fail_msg("'%s' is not local", other[i]);
	assert_true(local_parse("[::1]:7", &parsed));
	assert_int_equal(parsed.sa.sa_family, AF_INET6);
	assert_int_equal(addr_port(&parsed.addr), 7);
	memset(text, 'x', sizeof(text));
	memcpy(text, "unix:/", 6);
	text[5 + sizeof(parsed.un.sun_path)] = '\0'; /* a byte too long, with its NUL */
	assert_false(local_parse(text, &parsed));
	text[5 + sizeof(parsed.un.sun_path) - 1] = '\0';
	assert_true(local_parse(text, &parsed));
	memset(text, '1', 100);
	strcpy(text + 100, ":1");
	assert_false(local_parse(text, &parsed));
}

static void connects(const struct local *local)
{
	int fd = socket(local->sa.sa_family, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, &local->sa, local->n), 0);
	close(fd);
}

static void test_path(void **state)
{
	char folder[] = "/tmp/local_test.XXXXXX", where[64];
	const char *path = where + 5;
	struct local local;
	struct stat stat_of;
	int first, second;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(where, sizeof(where), "unix:%s/socket", folder);
	assert_true(local_parse(where, &local));
	first = local_listen(&local);
	assert_true(first >= 0);
	assert_int_equal(stat(path, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 0777, 0660);
	second = local_listen(&local); /* as after a crash, or in an upgrade */
	assert_true(second >= 0);
	close(first);
	connects(&local);
	close(second);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0); /* whatever else is there stays */
	assert_true(local_listen(&local) < 0);
	rmdir(path);
	rmdir(folder);
}

static void test_address(void **state)
{
	struct local local;
	char where[32];
	int first, second;

	(void)state;
	/* Below the ports that the kernel gives to clients, and this process's own. */
	snprintf(where, sizeof(where), "127.0.0.1:%d", 20000 + getpid() % 10000);
	assert_true(local_parse(where, &local));
	first = local_listen(&local);
	assert_true(first >= 0);
	second = local_listen(&local);
	assert_true(second >= 0);
	close(first);
	connects(&local);
	close(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_local),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
