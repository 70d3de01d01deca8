/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Segments in every order and shape: what is known is what a receiver would have. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tap/streams.h"
#include "test/unit/scarce.h"

enum {
	CLIENT_ISN = 0xfffffff0, /* wraps at once */
	SERVER_ISN = 1000,
	SYN = 1,
	ACK = 2,
	FIN = 4,
	RST = 8,
};

static struct streams *streams;
static union addr client, server;

static int setup(void **state)
{
	(void)state;
	assert_true(addr_parse("10.0.1.2", 40000, &client));
	assert_true(addr_parse("10.0.2.10", 443, &server));
	streams = streams_new(4, 1 << 20);
	return streams ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	streams_free(streams);
	return 0;
}

/* `at` counts from the first byte behind the SYN. */
static struct connection *give(bool from_client, unsigned flags, uint32_t at, const void *bytes,
			       size_t n)
{
	struct segment segment = {
		.from = from_client ? client : server,
		.to = from_client ? server : client,
		.sequence = (from_client ? CLIENT_ISN : SERVER_ISN) + (flags & SYN ? 0 : 1) + at,
		.acknowledged = (from_client ? SERVER_ISN : CLIENT_ISN) + 1U,
		.has_syn = flags & SYN,
		.has_ack = flags & ACK,
		.has_fin = flags & FIN,
		.has_rst = flags & RST,
		.payload = bytes,
		.n = n,
	};
	struct connection *connection;

	assert_null(streams_displaced(streams, &segment));
	assert_int_equal(streams_take(streams, &segment, &connection), 0);
	return connection;
}

static struct connection *data(bool from_client, uint32_t at, const char *text)
{
	return give(from_client, ACK, at, text, strlen(text));
}

static void begin(void)
{
	assert_null(give(true, SYN, 0, NULL, 0));
	assert_null(give(false, SYN | ACK, 0, NULL, 0));
}

static void check(struct stream stream, const char *text)
{
	assert_int_equal(stream.n, strlen(text));
	if (stream.n > 0)
		assert_memory_equal(stream.bytes, text, stream.n);
}

static void check_both(const char *to_server, const char *to_client)
{
	struct connection *connection = streams_oldest(streams);

	assert_non_null(connection);
	check(connection_to_server(connection), to_server);
	check(connection_to_client(connection), to_client);
	assert_true(addr_equal(connection_client(connection), &client));
	assert_true(addr_equal(connection_server(connection), &server));
}

static void test_in_order(void **state)
{
	(void)state;
	begin();
	assert_non_null(data(true, 0, "hello "));
	assert_non_null(data(true, 6, "world, twenty bytes"));
	assert_non_null(data(false, 0, "good "));
	assert_non_null(data(false, 5, "day"));
	check_both("hello world, twenty bytes", "good day");
	assert_false(connection_is_over(streams_oldest(streams)));
	assert_null(give(true, ACK | FIN, 25, NULL, 0));
	assert_non_null(give(false, ACK | FIN, 8, NULL, 0));
	assert_true(connection_is_over(streams_oldest(streams)));
	streams_forget(streams, streams_oldest(streams));
	assert_null(data(true, 25, "late"));
	assert_null(streams_oldest(streams));
}

static void test_out_of_order(void **state)
{
	(void)state;
	begin();
	assert_null(data(true, 3, "de"));
	assert_null(data(true, 7, "h"));
	assert_null(data(true, 5, "f"));
	check_both("", "");
	assert_non_null(data(true, 0, "abc"));
	check_both("abcdef", "");
	assert_non_null(data(true, 6, "g"));
	check_both("abcdefgh", "");
}

/* Whatever comes first stays, before and behind a gap. */
static void test_first_wins(void **state)
{
	(void)state;
	begin();
	assert_non_null(data(true, 0, "abcd"));
	assert_null(data(true, 0, "XXXX"));
	assert_null(data(true, 6, "gh"));
	assert_non_null(data(true, 2, "XXefYYij"));
	check_both("abcdefghij", "");
	assert_null(give(true, ACK, (uint32_t)-1, "X", 1)); /* asks whether anybody is there */
	assert_non_null(give(true, ACK, (uint32_t)-1, "Xabcdefghijk", 12));
	check_both("abcdefghijk", "");
}

static void test_fin(void **state)
{
	(void)state;
	begin();
	assert_null(give(true, ACK | FIN, 2, "cd", 2));
	assert_null(give(false, ACK | FIN, 0, NULL, 0));
	assert_non_null(data(true, 0, "ab")); /* the gap was all that was missing */
	assert_true(connection_is_over(streams_oldest(streams)));
	assert_non_null(data(true, 4, "beyond the end"));
	check_both("abcd", "");
}

static void test_reset(void **state)
{
	(void)state;
	begin();
	assert_non_null(data(true, 0, "ab"));
	assert_non_null(give(false, RST | ACK, 0, "text", 4));
	assert_true(connection_is_over(streams_oldest(streams)));
	check_both("ab", "");
}

/* The SYN, the answer to it, or both may be missing in a capture. */
static void test_beginning_missing(void **state)
{
	(void)state;
	assert_null(data(true, 0, "a"));
	assert_null(data(false, 0, "a"));
	assert_null(give(true, ACK | FIN, 0, NULL, 0));
	assert_int_equal(streams_count(streams), 0);

	assert_null(give(false, SYN | ACK, 0, NULL, 0));
	assert_non_null(data(true, 0, "ab"));
	assert_non_null(data(false, 0, "cd"));
	check_both("ab", "cd");
	streams_forget(streams, streams_oldest(streams));

	assert_null(give(true, SYN, 0, NULL, 0));
	assert_null(data(false, 0, "lost: nothing says where it belongs"));
	assert_non_null(data(true, 0, "ab"));
	assert_non_null(data(false, 0, "cd"));
	check_both("ab", "cd");
}

/* TCP Fast Open: the SYN carries bytes. */
static void test_syn_with_bytes(void **state)
{
	(void)state;
	assert_non_null(give(true, SYN, 0, "ab", 2));
	assert_null(give(false, SYN | ACK, 0, NULL, 0));
	assert_non_null(data(true, 2, "cd"));
	check_both("abcd", "");
}

static void test_full(void **state)
{
	static uint8_t bytes[STREAM_MAX];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	begin();
	assert_null(give(true, ACK, STREAM_MAX, "beyond", 6));
	assert_null(give(true, ACK, STREAM_MAX - 1, "zbeyond", 7));
	for (uint32_t at = 0; at < STREAM_MAX; at += 1460)
		assert_non_null(give(true, ACK, at, bytes, 1460));
	assert_int_equal(connection_to_server(streams_oldest(streams)).n, STREAM_MAX);
	assert_int_equal(connection_to_server(streams_oldest(streams)).bytes[STREAM_MAX - 1], 'z');
	assert_false(connection_is_over(streams_oldest(streams)));
	assert_non_null(give(false, ACK, 0, bytes, sizeof(bytes)));
	assert_true(connection_is_over(streams_oldest(streams)));
}

/* More holes than are kept: what is given up may come again. */
static void test_many_gaps(void **state)
{
	(void)state;
	begin();
	for (uint32_t at = 398; at > 0; at -= 2)
		assert_null(data(true, at, "x"));
	for (uint32_t at = 0; at < 400; at++)
		(void)data(true, at, "x");
	assert_int_equal(connection_to_server(streams_oldest(streams)).n, 400);
}

static struct segment syn_of(uint16_t port, uint32_t sequence)
{
	struct segment segment = {
		.from = client, .to = server, .sequence = sequence, .has_syn = true
	};

	addr_set_port(&segment.from, port);
	return segment;
}

static void test_limit_of_connections(void **state)
{
	struct connection *connection;
	struct segment segment;

	(void)state;
	for (uint16_t port = 1; port <= 4; port++) {
		segment = syn_of(port, 7);
		assert_null(streams_displaced(streams, &segment));
		assert_int_equal(streams_take(streams, &segment, &connection), 0);
	}
	segment = syn_of(4, 7); /* sent again */
	assert_null(streams_displaced(streams, &segment));
	segment = syn_of(4, 8); /* the port used again */
	connection = streams_displaced(streams, &segment);
	assert_int_equal(addr_port(connection_client(connection)), 4);
	segment = syn_of(5, 7);
	connection = streams_displaced(streams, &segment);
	assert_int_equal(addr_port(connection_client(connection)), 1);
	streams_forget(streams, connection);
	assert_null(streams_displaced(streams, &segment));
	assert_int_equal(streams_take(streams, &segment, &connection), 0);
	assert_int_equal(streams_count(streams), 4);
}

static void test_limit_of_memory(void **state)
{
	struct segment segment = syn_of(9, 7);

	(void)state;
	streams_free(streams);
	streams = streams_new(1000, 10000);
	begin();
	assert_non_null(give(true, ACK, 0, "a", 1));
	assert_null(streams_displaced(streams, &segment));
	assert_null(give(true, ACK, 20000, "far away", 8));
	assert_non_null(streams_displaced(streams, &segment));
	streams_forget(streams, streams_displaced(streams, &segment));
	assert_null(streams_displaced(streams, &segment));
}

/* A segment for which there was no memory is as one that was lost: it may come again. */
static void test_scarce(void **state)
{
	struct segment segments[] = { syn_of(40000, CLIENT_ISN), syn_of(40000, CLIENT_ISN + 1U) };
	struct connection *connection;
	unsigned n = 0;
	bool has_failed;

	(void)state;
	segments[1].has_syn = false;
	segments[1].payload = (const uint8_t *)"hello";
	segments[1].n = 5;
	do {
		streams_free(streams);
		scarce_begin(++n);
		streams = streams_new(4, 1 << 20);
		if (!streams) {
			assert_true(scarce_end());
			has_failed = true;
			continue;
		}
		for (unsigned i = 0; i < N_OF(segments); i++)
			if (streams_take(streams, &segments[i], &connection) == -ENOMEM)
				assert_int_equal(streams_take(streams, &segments[i], &connection),
						 0);
		has_failed = scarce_end();
		check(connection_to_server(connection), "hello");
		assert_int_equal(connection_needs(connection)->to_server, 0);
	} while (has_failed);
	assert_in_range(n, 5, 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_in_order),        TEST(test_out_of_order),
		TEST(test_first_wins),      TEST(test_fin),
		TEST(test_reset),           TEST(test_beginning_missing),
		TEST(test_syn_with_bytes),  TEST(test_full),
		TEST(test_many_gaps),       TEST(test_limit_of_connections),
		TEST(test_limit_of_memory), TEST(test_scarce),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
