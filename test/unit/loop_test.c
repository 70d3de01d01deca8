/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop and its sockets, each the one end of a socketpair whose other end the test holds. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "test/unit/socks.h"

static struct loop loop;
static struct sock sock;
static int peer;
static struct epoll_event events[8];

static int setup(void **state)
{
	int fds[2];

	(void)state;
	socks_tcp_pair(fds);
	sock = (struct sock){ .fd = fds[0], .kind = 7 };
	peer = fds[1];
	assert_int_equal(loop_init(&loop), 0);
	assert_int_equal(loop_watch(&loop, &sock), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sock_close(&sock);
	if (peer >= 0)
		close(peer);
	peer = -1;
	loop_deinit(&loop);
	return 0;
}

/* One turn, with the first event's sock, or NULL when the time was over. */
static struct sock *turn(int limit)
{
	int n = loop_wait(&loop, events, N_OF(events), limit);

	assert_in_range(n, 0, 1);
	return n ? loop_event_sock(&events[0]) : NULL;
}

static void test_edges(void **state)
{
	char bytes[8];

	(void)state;
	assert_false(sock.readable || sock.writable);
	/* Before the loop said so nobody asks the kernel, though it would take them. */
	assert_int_equal(sock_send(&sock, "x", 1), -EAGAIN);
	assert_ptr_equal(turn(1000), &sock);
	assert_int_equal(loop_event_sock(&events[0])->kind, 7);
	assert_true(sock.writable);
	assert_false(sock.readable || sock.ended || sock.broken);
	assert_null(turn(0)); /* the edge was reported once */

	assert_int_equal(write(peer, "hello", 5), 5);
	assert_int_equal(sock_recv(&sock, bytes, 5), -EAGAIN); /* the flag is down */
	assert_ptr_equal(turn(1000), &sock);
	assert_true(sock.readable);
	assert_null(turn(0)); /* still unread, and no second edge */
	assert_int_equal(sock_recv(&sock, bytes, 3), 3);
	assert_true(sock.readable); /* kept until the kernel says no */
	assert_int_equal(sock_recv(&sock, bytes + 3, 5), 2);
	assert_memory_equal(bytes, "hello", 5);
	assert_int_equal(sock_recv(&sock, bytes, 8), -EAGAIN);
	assert_false(sock.readable);

	assert_int_equal(write(peer, "!", 1), 1);
	assert_ptr_equal(turn(1000), &sock);
	assert_int_equal(sock_recv(&sock, bytes, 8), 1);
}

static void test_peek(void **state)
{
	char bytes[8] = "";

	(void)state;
	assert_int_equal(write(peer, "hello", 5), 5);
	socks_raise(&sock);
	assert_int_equal(sock_peek(&sock, bytes, 8), 5);
	assert_int_equal(sock_peek(&sock, bytes, 2), 2);
	assert_int_equal(sock_recv(&sock, bytes, 8), 5);
	assert_memory_equal(bytes, "hello", 5);
	assert_int_equal(sock_peek(&sock, bytes, 8), -EAGAIN);
	assert_false(sock.readable);
	close(peer);
	peer = -1;
	socks_raise(&sock);
	assert_int_equal(sock_peek(&sock, bytes, 8), 0);
	assert_int_equal(sock_recv(&sock, bytes, 8), 0);
}

static void test_full(void **state)
{
	static char block[65536];
	size_t sent = 0, taken = 0;
	ssize_t r;

	(void)state;
	turn(1000);
	while ((r = sock_send(&sock, block, sizeof(block))) > 0)
		sent += (size_t)r;
	assert_int_equal(r, -EAGAIN);
	assert_false(sock.writable);
	assert_int_equal(sock_send(&sock, block, 1), -EAGAIN);
	while (taken < sent) {
		r = read(peer, block, sizeof(block));
		assert_true(r > 0 || errno == EAGAIN);
		taken += r > 0 ? (size_t)r : 0;
	}
	assert_ptr_equal(turn(1000), &sock);
	assert_true(sock.writable);
	assert_int_equal(sock_send(&sock, block, 1), 1);
}

static void test_half_close(void **state)
{
	char bytes[8];

	(void)state;
	turn(1000);
	assert_int_equal(write(peer, "bye", 3), 3);
	assert_int_equal(shutdown(peer, SHUT_WR), 0);
	while (!sock.ended)
		assert_ptr_equal(turn(1000), &sock);
	assert_true(sock.readable);
	assert_false(sock.broken); /* the other way goes on */
	assert_int_equal(sock_recv(&sock, bytes, 8), 3);
	assert_int_equal(sock_recv(&sock, bytes, 8), 0);
	assert_int_equal(sock_recv(&sock, bytes, 8), 0);
	assert_int_equal(sock_send(&sock, "still", 5), 5);
	socks_await(peer);
	assert_int_equal(read(peer, bytes, 8), 5);
}

static void test_reset(void **state)
{
	struct sock other = { .fd = peer };
	char bytes[8];

	(void)state;
	turn(1000);
	sock_reset(&other);
	assert_int_equal(other.fd, -1);
	sock_reset(&other); /* twice is nothing */
	peer = -1;
	while (!sock.broken)
		assert_ptr_equal(turn(1000), &sock);
	assert_true(sock.ended && sock.readable && sock.writable);
	assert_int_equal(sock_recv(&sock, bytes, 8), -ECONNRESET);
	assert_int_equal(sock_send(&sock, "x", 1), -EPIPE); /* and no SIGPIPE */
	sock_close(&sock);
	assert_int_equal(sock.fd, -1);
	assert_null(turn(0)); /* closing ended the watch */
}

static void test_level(void **state)
{
	struct sock level = { .fd = dup(peer) };

	(void)state;
	turn(1000);
	assert_int_equal(loop_watch_level(&loop, &level), 0);
	assert_int_equal(loop_watch_level(&loop, &level), -EEXIST);
	assert_int_equal(sock_send(&sock, "x", 1), 1);
	for (unsigned i = 0; i < 3; i++)
		assert_ptr_equal(turn(1000), &level);
	/* A duplicate keeps the entry of the closed one alive; so the byte goes too. */
	assert_int_equal(read(peer, &(char){ 0 }, 1), 1);
	sock_close(&level);
}

/* The wait ends with the deadline, no more than a tick late, or with the limit. */
static void test_deadline(void **state)
{
	struct timer timer = { 0 };
	uint64_t begin;

	(void)state;
	turn(1000);
	begin = loop.now;
	timer_set(&loop.wheel, &timer, begin + 50);
	while (!wheel_pop(&loop.wheel, loop.now))
		assert_null(turn(-1));
	assert_in_range(loop.now - begin, 50, 1000);
	timer_set(&loop.wheel, &timer, loop.now + 60000);
	begin = clock_us();
	assert_null(turn(20));
	assert_in_range(clock_us() - begin, 19000, 1000000);
	timer_clear(&loop.wheel, &timer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_edges), TEST(test_peek),  TEST(test_full),     TEST(test_half_close),
		TEST(test_reset), TEST(test_level), TEST(test_deadline),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
