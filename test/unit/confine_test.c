/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the page's process may still do, by the store it works with. */
#include "web/confine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "learn/learn.h"
#include "test/unit/attempts.h"

static char folder[] = "/tmp/postern-confine-XXXXXX";
static char store[64];

/* --- what it is for --- */

static void *end(void *ret_is_run)
{
	*(int *)ret_is_run = 1;
	return NULL;
}

static int try_thread(void)
{
	pthread_t thread;
	int is_run = 0, r = pthread_create(&thread, NULL, end, &is_run);

	if (r != 0)
		return r == EPERM ? REFUSED : OTHERWISE;
	return pthread_join(thread, NULL) == 0 && is_run ? ALLOWED : OTHERWISE;
}

/* Descriptor 0 is no socket, but is asked. */
static int try_accept(void)
{
	(void)accept4(STDIN_FILENO, NULL, NULL, SOCK_CLOEXEC);
	return errno == EPERM ? REFUSED : ALLOWED;
}

/* All that the page does with it: what is decided is there when it is opened again. */
static int try_store(void)
{
	struct learned_options options = LEARNED_DEFAULTS;
	struct entry entry = { .class = LEARN_REQUESTED, .state = LEARN_FORBIDDEN }, found;
	struct learned *learned;
	int result = OTHERWISE;

	strcpy(entry.host, "a.example");
	addr_parse("192.0.2.1", 443, &entry.server);
	entry.first_seen = entry.last_seen = entry.decision = clock_wall_us();
	for (unsigned i = 0; i < 2; i++) {
		if (learned_open(&options, store, &learned) < 0)
			return OTHERWISE;
		if (learned_is_stored(learned) && i == 0)
			(void)learned_import(learned, &entry);
		else if (learned_is_stored(learned) &&
			 learned_look(learned, entry.host, &entry.server, clock_wall_us(),
				      &found) != LEARNED_UNKNOWN)
			result = found.state == LEARN_FORBIDDEN ? ALLOWED : OTHERWISE;
		learned_free(learned);
	}
	return result;
}

/* --- what it is not for --- */

static int try_create(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/file", folder);
	return said(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int try_tcp(void)
{
	return said(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int try_kill(void)
{
	return said(kill(getppid(), SIGCONT));
}

/* Nobody has that number. */
static int try_is_alive(void)
{
	return kill(getppid(), 0) == 0 && kill(1 << 30, 0) < 0 && errno == ESRCH ? ALLOWED
										 : REFUSED;
}

static int fate_of(const char *with, int (*attempt)(void))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(confine_enter(with) < 0 ? NOT_ENTERED : attempt());
	return fate_of_child(pid);
}

static void test_what_is_left(void **state)
{
	static const struct {
		int (*attempt)(void);
		int none, sqlite, redis, local; /* by the store */
	} all[] = {
		{ try_thread, ALLOWED, ALLOWED, ALLOWED, ALLOWED },
		{ try_accept, ALLOWED, ALLOWED, ALLOWED, ALLOWED },
		{ try_read, ALLOWED, ALLOWED, ALLOWED, ALLOWED },
		{ try_is_alive, ALLOWED, ALLOWED, ALLOWED, ALLOWED },
		{ try_create, REFUSED, ALLOWED, REFUSED, REFUSED },
		{ try_tcp, REFUSED, REFUSED, ALLOWED, ALLOWED },
		{ try_local, REFUSED, REFUSED, REFUSED, ALLOWED },
		{ try_raw, REFUSED, REFUSED, REFUSED, REFUSED },
		{ try_netfilter, REFUSED, REFUSED, REFUSED, REFUSED },
		{ try_fork, REFUSED, REFUSED, REFUSED, REFUSED },
		{ try_code, REFUSED, REFUSED, REFUSED, REFUSED },
		{ try_dumpable, REFUSED, REFUSED, REFUSED, REFUSED },
		{ try_kill, REFUSED, REFUSED, REFUSED, REFUSED },
		{ try_exec, -SIGSYS, -SIGSYS, -SIGSYS, -SIGSYS },
		{ try_ptrace, -SIGSYS, -SIGSYS, -SIGSYS, -SIGSYS },
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(all); i++) {
		const char *const stores[] = { "none", store, "redis://127.0.0.1",
					       "redis+unix:///run/redis.sock" };
		const int wanted[] = { all[i].none, all[i].sqlite, all[i].redis, all[i].local };

		for (unsigned k = 0; k < N_OF(stores); k++) {
			int fate = fate_of(stores[k], all[i].attempt);

			if (fate != wanted[k])
				fail_msg("case %u with %s: %d instead of %d", i, stores[k], fate,
					 wanted[k]);
		}
	}
}

static void test_store(void **state)
{
	(void)state;
	assert_int_equal(fate_of(store, try_store), ALLOWED);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(store, sizeof(store), "%s/learned.db", folder);
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_left),
		cmocka_unit_test(test_store),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
