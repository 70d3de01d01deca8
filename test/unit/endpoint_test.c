/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endpoint.h"

static const char *const local[] = { "127.0.0.1:57012", "127.8.9.1:1", "[::1]:65535", "unix:/a",
				     "unix:/run/postern/capture.sock" };
static const char *const others[] = { "0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[fe80::1]:1",
				      "[::ffff:127.0.0.1]:1" };
static const char *const none[] = {
	"",
	"none",
	"127.0.0.1",
	"127.0.0.1:",
	"127.0.0.1:0",
	"127.0.0.1:65536",
	"127.0.0.1:1x",
	"::1:1",
	"[127.0.0.1]:1",
	"/a",
	"unix:a",
	"localhost:1",
	":1",
	"[]:1",
	"]:1",
	"[:1",
	"[::1:1",
	"127.0.0.1:+1",
};

static void test_texts(void **state)
{
	struct endpoint parsed;

	(void)state;
	for (unsigned i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (!endpoint_parse(local[i], &parsed) || !endpoint_is_local(&parsed))
			fail_msg("'%s' is local", local[i]);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!endpoint_parse(others[i], &parsed) || endpoint_is_local(&parsed))
			fail_msg("'%s' is not local", others[i]);
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (endpoint_parse(none[i], &parsed))
			fail_msg("'%s' is no endpoint", none[i]);
	assert_true(endpoint_parse("[::1]:7", &parsed));
	assert_int_equal(parsed.sa.sa_family, AF_INET6);
	assert_int_equal(addr_port(&parsed.addr), 7);
}

static void test_lengths(void **state)
{
	struct endpoint parsed;
	char text[256];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "unix:/", 6);
	text[5 + sizeof(parsed.un.sun_path)] = '\0'; /* a byte too long, with its NUL */
	assert_false(endpoint_parse(text, &parsed));
	text[5 + sizeof(parsed.un.sun_path) - 1] = '\0';
	assert_true(endpoint_parse(text, &parsed));
	memset(text, '1', 100);
	strcpy(text + 100, ":1");
	assert_false(endpoint_parse(text, &parsed));
}

static void connects(const struct endpoint *endpoint)
{
	int fd = socket(endpoint->sa.sa_family, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, &endpoint->sa, endpoint->n), 0);
	close(fd);
}

static void test_path(void **state)
{
	char folder[] = "/tmp/endpoint_test.XXXXXX", where[64];
	const char *path = where + 5;
	struct endpoint endpoint;
	struct stat stat_of;
	int first, second;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(where, sizeof(where), "unix:%s/socket", folder);
	assert_true(endpoint_parse(where, &endpoint));
	first = endpoint_listen(&endpoint);
	assert_true(first >= 0);
	assert_int_equal(stat(path, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 0777, 0660);
	second = endpoint_listen(&endpoint); /* as after a crash, or in an upgrade */
	assert_true(second >= 0);
	close(first);
	connects(&endpoint);
	close(second);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0); /* whatever else is there stays */
	assert_true(endpoint_listen(&endpoint) < 0);
	rmdir(path);
	rmdir(folder);
}

static void test_address(void **state)
{
	struct endpoint endpoint;
	char where[32];
	int first, second;

	(void)state;
	/* Below the ports that the kernel gives to clients, and this process's own. */
	snprintf(where, sizeof(where), "127.0.0.1:%d", 20000 + getpid() % 10000);
	assert_true(endpoint_parse(where, &endpoint));
	first = endpoint_listen(&endpoint);
	assert_true(first >= 0);
	second = endpoint_listen(&endpoint);
	assert_true(second >= 0);
	close(first);
	connects(&endpoint);
	close(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
