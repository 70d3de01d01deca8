/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two TCP connections of this process over loopback: the test holds the outer ends (client, server)
 * and moves bytes between the inner ones as a worker would.
 */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/splice.h"
#include "test/unit/socks.h"

enum { TO_SERVER, TO_CLIENT, SPARE_MAX = 64 };

static int client, server;   /* the outer ends */
static struct sock inner[2]; /* facing the client, facing the server */
static struct splice splices[2];
static struct pipe_pool pool;
static unsigned open_before;
static uint8_t block[256 * 1024];
static uint8_t scratch[SPLICE_SCRATCH];

static int setup(void **state)
{
	int fds[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN); /* splice(2) has no MSG_NOSIGNAL; a worker blocks it */
	open_before = socks_count_open();
	memset(splices, 0, sizeof(splices));
	memset(&pool, 0, sizeof(pool));
	socks_tcp_pair(fds);
	client = fds[0];
	inner[0] = (struct sock){ .fd = fds[1] };
	socks_tcp_pair(fds);
	inner[1] = (struct sock){ .fd = fds[0] };
	server = fds[1];
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i * 7 + i / 251);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		splice_deinit(&splices[i], &pool);
		sock_close(&inner[i]);
	}
	pipe_pool_deinit(&pool);
	assert_int_equal(pool.n, 0);
	if (client >= 0)
		close(client);
	if (server >= 0)
		close(server);
	assert_int_equal(socks_count_open(), open_before);
	return 0;
}

static enum splice_result move(unsigned way, int *ret_errno)
{
	socks_raise(&inner[0]);
	socks_raise(&inner[1]);
	return splice_move(&splices[way], &pool, &inner[way], &inner[!way], scratch, ret_errno);
}

/* Sends as much of n bytes as fits, from a position of the endless repetition of the block. */
static size_t feed(int fd, size_t at, size_t n)
{
	size_t offset = at % sizeof(block), most = sizeof(block) - offset;
	ssize_t r = send(fd, block + offset, n < most ? n : most, MSG_NOSIGNAL);

	assert_true(r >= 0 || errno == EAGAIN);
	return r > 0 ? (size_t)r : 0;
}

/* Takes what is there and compares it; true at the end of the stream. */
static bool check(int fd, size_t *at)
{
	static uint8_t got[sizeof(block)];
	size_t offset = *at % sizeof(block);
	ssize_t r = recv(fd, got, sizeof(block) - offset, 0);

	assert_true(r >= 0 || errno == EAGAIN);
	if (r > 0) {
		assert_memory_equal(got, block + offset, r);
		*at += (size_t)r;
	}
	return r == 0;
}

/* Megabytes both ways at once, then an end each way, the one long before the other. */
static void test_both_ways(void **state)
{
	const size_t total[2] = { 5000003, 3000001 };
	size_t fed[2] = { 0 }, got[2] = { 0 };
	enum splice_result results[2] = { SPLICE_WAIT, SPLICE_WAIT };
	bool is_over[2] = { false };
	int error = 0;

	(void)state;
	while (!is_over[0] || !is_over[1]) {
		for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++) {
			int from = way == TO_SERVER ? client : server;
			int to = way == TO_SERVER ? server : client;

			if (fed[way] < total[way])
				fed[way] += feed(from, fed[way], total[way] - fed[way]);
			if (fed[way] == total[way] && way == TO_SERVER)
				shutdown(from, SHUT_WR);
			if (fed[way] == total[way] && is_over[TO_SERVER])
				shutdown(from, SHUT_WR); /* the server's end comes later */
			results[way] = move(way, &error);
			assert_true(results[way] <= SPLICE_ENDED);
			is_over[way] = is_over[way] || check(to, &got[way]);
		}
	}
	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++) {
		assert_int_equal(got[way], total[way]);
		assert_int_equal(splices[way].bytes, total[way]);
		assert_int_equal(move(way, &error), SPLICE_ENDED);
		assert_false(splices[way].has_pipe);
	}
	assert_in_range(pool.n, 1, 2); /* the pipes came back */
}

static void test_idle(void **state)
{
	size_t got = 0;
	int error = 0;

	(void)state;
	assert_int_equal(move(TO_SERVER, &error), SPLICE_WAIT);
	assert_int_equal(feed(client, 0, 100), 100);
	socks_await(inner[0].fd);
	assert_int_equal(move(TO_SERVER, &error), SPLICE_WAIT);
	assert_false(splices[TO_SERVER].has_pipe);
	assert_int_equal(splices[TO_SERVER].bytes, 100);
	assert_int_equal(pool.n, 1); /* at hand */
	socks_await(server);
	assert_false(check(server, &got));
	assert_int_equal(got, 100);
	splices[TO_SERVER].bytes += 1 << 20; /* its beginning is over */
	assert_int_equal(feed(client, 100, 100), 100);
	socks_await(inner[0].fd);
	assert_int_equal(move(TO_SERVER, &error), SPLICE_WAIT);
	assert_false(splices[TO_SERVER].has_pipe);
	assert_int_equal(pool.n, 1);
	socks_await(server);
	assert_false(check(server, &got));
	assert_int_equal(got, 200);
	assert_false(splices[TO_SERVER].is_ended || splices[TO_SERVER].is_shut);
}

static void test_half_close(void **state)
{
	size_t got = 0;
	int error = 0;

	(void)state;
	assert_int_equal(feed(client, 0, 1000), 1000);
	shutdown(client, SHUT_WR);
	while (move(TO_SERVER, &error) != SPLICE_ENDED)
		;
	assert_int_equal(splices[TO_SERVER].bytes, 1000);
	for (bool is_over = false; !is_over;) {
		socks_await(server);
		is_over = check(server, &got);
	}
	assert_int_equal(got, 1000);
	/* The other way is open still. */
	got = 0;
	assert_int_equal(feed(server, 0, 500), 500);
	socks_await(inner[1].fd);
	assert_int_equal(move(TO_CLIENT, &error), SPLICE_WAIT);
	socks_await(client);
	assert_false(check(client, &got));
	assert_int_equal(got, 500);
}

/* The server does not read: after what the sockets hold, the client cannot send either. */
static void test_back_pressure(void **state)
{
	size_t fed = 0, got = 0, before;
	unsigned idle = 0;
	int error = 0;

	(void)state;
	while (idle < 200) {
		before = fed;
		fed += feed(client, fed, sizeof(block));
		assert_in_range(move(TO_SERVER, &error), SPLICE_WAIT, SPLICE_AGAIN);
		idle = fed == before ? idle + 1 : 0;
		if (idle > 0)
			usleep(1000);
	}
	assert_in_range(fed, 100000, 100000000);
	assert_true(splices[TO_SERVER].bytes < fed);
	assert_true(splices[TO_SERVER].has_pipe && splices[TO_SERVER].in_pipe > 0);
	assert_false(inner[1].writable);
	shutdown(client, SHUT_WR);
	for (bool is_over = false; !is_over;) {
		is_over = check(server, &got);
		move(TO_SERVER, &error);
	}
	assert_int_equal(got, fed);
	assert_false(splices[TO_SERVER].has_pipe);
}

static void test_share(void **state)
{
	unsigned turns = 0;
	size_t fed = 0, got = 0;
	int error = 0;

	(void)state;
	/* More than a share waits; while the server keeps reading, no turn takes it all. */
	while (fed < 16 * sizeof(block) && turns == 0) {
		fed += feed(client, fed, sizeof(block));
		turns += move(TO_SERVER, &error) == SPLICE_AGAIN;
		check(server, &got);
	}
	while (got < fed) {
		assert_in_range(move(TO_SERVER, &error), SPLICE_WAIT, SPLICE_AGAIN);
		check(server, &got);
	}
	assert_int_equal(got, fed);
}

static void reset(int *fd)
{
	struct sock sock = { .fd = *fd };

	sock_reset(&sock);
	*fd = -1;
}

static void test_read_error(void **state)
{
	int error = 0;

	(void)state;
	move(TO_SERVER, &error);
	reset(&client);
	socks_await(inner[0].fd);
	assert_int_equal(move(TO_SERVER, &error), SPLICE_READ_ERROR);
	assert_int_equal(error, ECONNRESET);
	assert_false(splices[TO_SERVER].is_ended);
}

/* The server is gone while bytes for it are in hand: an error of its side, and no signal. */
static void test_write_error(void **state)
{
	enum splice_result result = SPLICE_WAIT;
	size_t fed = 0;
	int error = 0;

	(void)state;
	splices[TO_SERVER].bytes = 1 << 20;
	reset(&server);
	socks_await(inner[1].fd);
	while (result == SPLICE_WAIT || result == SPLICE_AGAIN) {
		fed += feed(client, fed, 1000);
		result = move(TO_SERVER, &error);
	}
	assert_int_equal(result, SPLICE_WRITE_ERROR);
	assert_true(error == ECONNRESET || error == EPIPE);
	/* What is left in the pipe is nobody else's: it is closed, not lent again. */
	assert_true(splices[TO_SERVER].in_pipe > 0);
	splice_deinit(&splices[TO_SERVER], &pool);
	assert_int_equal(pool.n, 0);
}

/* What is not allowed stays in the socket. */
static void test_limit(void **state)
{
	size_t got = 0;
	int error = 0;

	(void)state;
	splices[TO_SERVER].is_limited = true;
	assert_int_equal(feed(client, 0, 1000), 1000);
	for (size_t limit = 0; limit <= 1200; limit += 300) {
		splices[TO_SERVER].limit = limit;
		assert_int_equal(move(TO_SERVER, &error), SPLICE_WAIT);
		assert_int_equal(splices[TO_SERVER].bytes, limit < 1000 ? limit : 1000);
	}
	shutdown(client, SHUT_WR);
	splices[TO_SERVER].is_limited = false;
	assert_int_equal(move(TO_SERVER, &error), SPLICE_ENDED);
	while (!check(server, &got))
		;
	assert_int_equal(got, 1000);
}

/* More pipes in use than the pool keeps: those beyond are closed, none is lost. */
static void test_pool(void **state)
{
	static struct splice many[SPARE_MAX + 4];
	unsigned before = socks_count_open();

	(void)state;
	memset(many, 0, sizeof(many));
	for (unsigned i = 0; i < N_OF(many); i++) {
		struct sock from = { .fd = inner[0].fd, .readable = true };
		struct sock to = { .fd = inner[1].fd };
		int error = 0;

		/* Unwritable, so that each keeps its pipe. */
		assert_int_equal(feed(client, 0, 10), 10);
		socks_await(inner[0].fd);
		assert_int_equal(splice_move(&many[i], &pool, &from, &to, scratch, &error),
				 SPLICE_WAIT);
		assert_true(many[i].has_pipe);
	}
	assert_int_equal(socks_count_open(), before + 2 * N_OF(many));
	for (unsigned i = 0; i < N_OF(many); i++) {
		struct sock from = { .fd = inner[0].fd };
		struct sock to = { .fd = inner[1].fd, .writable = true };
		int error = 0;

		assert_int_equal(splice_move(&many[i], &pool, &from, &to, scratch, &error),
				 SPLICE_WAIT);
		assert_false(many[i].has_pipe);
	}
	assert_int_equal(pool.n, SPARE_MAX);
	assert_int_equal(socks_count_open(), before + 2 * SPARE_MAX);
}

/* Out of descriptors: all is copied, whatever the other side takes, and in its order. */
static void test_without_pipe(void **state)
{
	const size_t all = 5 * sizeof(block);
	struct rlimit limit, none;
	size_t fed = 0, got = 0;
	int error = 0;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 1; /* poll(2) of one must be possible */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (unsigned turn = 0; got < all && turn < 100000; turn++) {
		enum splice_result result;

		if (fed < all)
			fed += feed(client, fed, all - fed);
		else if (fed == all)
			shutdown(client, SHUT_WR);
		result = move(TO_SERVER, &error);
		assert_true(result == SPLICE_WAIT || result == SPLICE_AGAIN ||
			    result == SPLICE_ENDED);
		assert_false(splices[TO_SERVER].has_pipe);
		if (turn % 16 == 0) /* a slow reader */
			(void)check(server, &got);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(got, all);
	assert_int_equal(splices[TO_SERVER].bytes, all);
	assert_int_equal(move(TO_SERVER, &error), SPLICE_ENDED);
}

static enum splice_result pour(int *ret_errno)
{
	socks_raise(&inner[0]);
	socks_raise(&inner[1]);
	return splice_pour(&splices[TO_SERVER], &pool, &inner[0], &inner[1], ret_errno);
}

/* Every byte, by a pipe alone; at the end it asks, and tells nobody. */
static void test_pour(void **state)
{
	const size_t all = 3000001;
	enum splice_result result = SPLICE_WAIT;
	size_t fed = 0, got = 0;
	int error = 0;

	(void)state;
	while (result != SPLICE_ENDED) {
		if (fed < all)
			fed += feed(client, fed, all - fed);
		else
			shutdown(client, SHUT_WR);
		result = pour(&error);
		assert_true(result == SPLICE_WAIT || result == SPLICE_AGAIN ||
			    result == SPLICE_ENDED);
		assert_false(check(server, &got));
	}
	while (got < all)
		assert_false(check(server, &got));
	assert_int_equal(splices[TO_SERVER].bytes, all);
	assert_int_equal(pour(&error), SPLICE_ENDED); /* again, as often as it is asked */
	assert_false(splices[TO_SERVER].has_pipe);
	assert_false(check(server, &got)); /* no FIN */
}

/* What cannot be spliced, or not without descriptors, is the caller's to read. */
static void test_pour_refused(void **state)
{
	struct rlimit limit, none;
	uint8_t got[8];
	int error = 0;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(send(client, "abc", 3, 0), 3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(pour(&error), SPLICE_READ_ERROR);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(error, EMFILE);
	assert_int_equal(recv(inner[0].fd, got, sizeof(got), 0), 3);
	assert_int_equal(send(client, "abc", 3, 0), 3);
	sock_reset(&(struct sock){ .fd = client });
	client = -1;
	while (pour(&error) != SPLICE_READ_ERROR)
		;
	assert_int_equal(error, ECONNRESET);
	assert_false(splices[TO_SERVER].has_pipe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_both_ways),     TEST(test_idle),  TEST(test_half_close),
		TEST(test_back_pressure), TEST(test_share), TEST(test_read_error),
		TEST(test_write_error),   TEST(test_pool),  TEST(test_limit),
		TEST(test_without_pipe),  TEST(test_pour),  TEST(test_pour_refused),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
