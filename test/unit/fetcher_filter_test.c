/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the processes that make requests may still do. */
#include "daemon/fetcher_filter.h"

#include <netdb.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/addr.h"
#include "test/unit/attempts.h"
#include "tls/http.h"

static int port; /* of a server on this machine */

/* All that it is for: a name, a connection, a request, an answer. */
static int try_fetch(void)
{
	uint8_t bytes[64];
	char url[64];
	struct http_order order = {
		.url = url, .may_be_private = true, .timeout_s = 5, .max = sizeof(bytes)
	};
	size_t n;

	snprintf(url, sizeof(url), "http://localhost:%d/it", port);
	n = http_fetch(&order, bytes);
	return n == 4 && memcmp(bytes, "\x30\x02\x05\0", 4) == 0 ? ALLOWED : OTHERWISE;
}

/* Asks a server, if one is configured: there is no such name in a file. */
static int try_lookup(void)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all;
	int r = getaddrinfo("no-such-name.invalid", "80", &hints, &all);

	return r == EAI_NONAME || r == EAI_AGAIN || r == EAI_NODATA ? ALLOWED : OTHERWISE;
}

static int try_udp(void)
{
	return said(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

static int try_packet(void)
{
	return said(socket(AF_PACKET, SOCK_DGRAM, 0));
}

static int try_listen(void)
{
	return said(listen(0, 1));
}

static int try_write(void)
{
	return said(open("/tmp/postern-fetcher", O_WRONLY | O_CLOEXEC));
}

static int try_create(void)
{
	return said(open("/tmp/postern-fetcher", O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int try_child(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(fetcher_filter_enter(false) < 0 ? OTHERWISE : ALLOWED);
	return pid < 0 || waitpid(pid, &status, 0) != pid ? REFUSED : WEXITSTATUS(status);
}

/* A process with users, networks, files of its own. */
static int try_namespace(void)
{
	long pid = syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return said(pid);
}

static int fate_of(bool may_fork, int (*attempt)(void))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(fetcher_filter_enter(may_fork) < 0 ? NOT_ENTERED : attempt());
	return fate_of_child(pid);
}

static void test_what_is_left(void **state)
{
	static const struct {
		int (*attempt)(void);
		int fate, standing; /* of a request's process, and of those that make them */
	} all[] = {
		{ try_lookup, ALLOWED, ALLOWED },    { try_read, ALLOWED, ALLOWED },
		{ try_udp, ALLOWED, ALLOWED },       { try_raw, REFUSED, REFUSED },
		{ try_packet, REFUSED, REFUSED },    { try_local, REFUSED, REFUSED },
		{ try_listen, REFUSED, REFUSED },    { try_netfilter, REFUSED, REFUSED },
		{ try_write, REFUSED, REFUSED },     { try_create, REFUSED, REFUSED },
		{ try_fork, REFUSED, ALLOWED },      { try_child, REFUSED, ALLOWED },
		{ try_namespace, REFUSED, REFUSED }, { try_code, REFUSED, REFUSED },
		{ try_dumpable, REFUSED, REFUSED },  { try_kill_self, REFUSED, REFUSED },
		{ try_exec, -SIGSYS, -SIGSYS },
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(all); i++) {
		int fate = fate_of(false, all[i].attempt);
		int standing = fate_of(true, all[i].attempt);

		if (fate != all[i].fate || standing != all[i].standing)
			fail_msg("case %u: %d, %d instead of %d, %d", i, fate, standing,
				 all[i].fate, all[i].standing);
	}
}

static void serve_one(int listener)
{
	static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n"
				     "Content-Type: application/pkix-cert\r\n\r\n\x30\x02\x05\0";
	char request[1024];
	int fd = accept(listener, NULL, NULL);

	if (read(fd, request, sizeof(request)) > 0 &&
	    write(fd, answer, sizeof(answer) - 1) == sizeof(answer) - 1)
		(void)shutdown(fd, SHUT_WR);
	while (read(fd, request, sizeof(request)) > 0)
		;
	_exit(0);
}

static void test_fetch(void **state)
{
	union addr here = { .v4 = { .sin_family = AF_INET,
				    .sin_addr = { htonl(INADDR_LOOPBACK) } } };
	socklen_t n = sizeof(here);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pid_t server;

	(void)state;
	assert_int_equal(bind(listener, &here.sa, sizeof(here.v4)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, &here.sa, &n), 0);
	port = addr_port(&here);
	server = fork();
	if (server == 0)
		serve_one(listener);
	assert_int_equal(fate_of(false, try_fetch), ALLOWED);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	close(listener);
}

int main(void)
{
	setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_left),
		cmocka_unit_test(test_fetch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
