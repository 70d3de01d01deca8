/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Synthetic frames, as somebody reads them who believes nothing: every checksum, every number. */
#include "test/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "tap/frames.h"

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10, MAX = 1 << 20 };

/* --- the reader --- */

struct seen {
	unsigned way;
	uint16_t from_port, to_port;
	uint32_t number, acknowledged;
	uint8_t flags;
	const uint8_t *bytes;
	size_t n;
	unsigned mss, shift; /* of a SYN */
};

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* Written another way than in frames.c: folded at each step, over a copy. */
static unsigned ones_sum(const uint8_t *bytes, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* The TCP segment of an IP packet, whose header is checked; its pseudo header at `pseudo`. */
static const uint8_t *read_ip(const uint8_t *ip, size_t n, size_t *ret_n, uint8_t pseudo[40],
			      size_t *ret_pseudo)
{
	bool is_ip4 = ip[0] >> 4 == 4;
	size_t header = is_ip4 ? 20 : 40, address = is_ip4 ? 4 : 16, addresses = is_ip4 ? 12 : 8;

	assert_true(n <= 1500);
	if (is_ip4) {
		assert_int_equal(ip[0], 0x45);
		assert_int_equal(get16(ip + 2), n);
		assert_int_equal(ip[9], 6);
		assert_int_equal(ones_sum(ip, 20), 0xffff);
	} else {
		assert_int_equal(ip[0], 0x60);
		assert_int_equal(get16(ip + 4), n - 40);
		assert_int_equal(ip[6], 6);
	}
	memcpy(pseudo, ip + addresses, 2 * address);
	*ret_n = n - header;
	pseudo[2 * address] = 0;
	pseudo[2 * address + 1] = 6;
	pseudo[2 * address + 2] = (uint8_t)(*ret_n >> 8);
	pseudo[2 * address + 3] = (uint8_t)*ret_n;
	*ret_pseudo = 2 * address + 4;
	return ip + header;
}

static struct seen read_frame(const uint8_t *frame, size_t n)
{
	static uint8_t checked[FRAMES_MAX + 40];
	uint8_t pseudo[40];
	size_t n_tcp, n_pseudo, header;
	const uint8_t *tcp;
	struct seen seen = { .way = frame[5] == 1 ? FLOW_TO_CLIENT : FLOW_TO_SERVER };

	assert_int_equal(get16(frame + 12), frame[14] >> 4 == 4 ? 0x0800 : 0x86dd);
	assert_int_equal(frame[0] & 3, 2); /* to one end, an address of our own */
	assert_int_equal(frame[5] + frame[11], 3);
	tcp = read_ip(frame + 14, n - 14, &n_tcp, pseudo, &n_pseudo);
	memcpy(checked, pseudo, n_pseudo);
	memcpy(checked + n_pseudo, tcp, n_tcp);
	assert_int_equal(ones_sum(checked, n_pseudo + n_tcp), 0xffff);
	seen.from_port = (uint16_t)get16(tcp);
	seen.to_port = (uint16_t)get16(tcp + 2);
	seen.number = get32(tcp + 4);
	seen.acknowledged = get32(tcp + 8);
	seen.flags = tcp[13];
	header = (size_t)(tcp[12] >> 4) * 4;
	seen.bytes = tcp + header;
	seen.n = n_tcp - header;
	if (header > 20) {
		assert_int_equal(header, 28);
		assert_int_equal(get16(tcp + 20), 0x0204);
		seen.mss = get16(tcp + 22);
		assert_memory_equal(tcp + 24, "\x01\x03\x03", 3);
		seen.shift = tcp[27];
	}
	return seen;
}

/* A listener that missed nothing: the next number of each way, what was received. */
struct listener {
	bool is_open[2];
	uint32_t next[2];
	uint8_t *bytes[2];
	size_t n[2];
	unsigned mss;
};

static void hear(struct listener *listener, const uint8_t *frame, size_t n)
{
	struct seen seen = read_frame(frame, n);
	unsigned way = seen.way;

	if (seen.flags & SYN) {
		assert_false(listener->is_open[way]);
		assert_int_equal(seen.flags & ACK ? 1 : 0, way == FLOW_TO_CLIENT);
		listener->is_open[way] = true;
		listener->next[way] = seen.number;
		listener->mss = seen.mss;
	}
	assert_int_equal(seen.number, listener->next[way]); /* no gap, nothing twice */
	if (seen.flags & ACK)
		assert_int_equal(seen.acknowledged, listener->next[!way]);
	assert_true(seen.n <= listener->mss);
	assert_int_equal(seen.n > 0 ? 0 : seen.flags & PSH, 0);
	memcpy(listener->bytes[way] + listener->n[way], seen.bytes, seen.n);
	listener->n[way] += seen.n;
	listener->next[way] += (uint32_t)seen.n + !!(seen.flags & SYN) + !!(seen.flags & FIN);
}

static void hear_piece(struct listener *listener, const struct piece *piece, const uint8_t *bytes)
{
	struct frames frames = frames_of(piece, bytes);
	uint8_t *frame = malloc(FRAMES_MAX); /* so that a sanitizer sees its end */
	size_t n;

	assert_non_null(frame);
	while ((n = frames_next(&frames, frame)) > 0)
		hear(listener, frame, n);
	free(frame);
}

/* --- the tests --- */

static union addr end_of(const char *address, uint16_t port)
{
	union addr addr;

	assert_true(addr_parse(address, port, &addr));
	return addr;
}

static void converse(const char *client, const char *server, uint32_t first, unsigned mss)
{
	static const size_t sizes[] = { 1,    2,    1439, 1440,  1441,  1459, 1460,
					1461, 2920, 2921, 16384, 65797, 3 };
	union addr ends[2] = { end_of(client, 40000), end_of(server, 80) };
	struct listener listener = { .bytes = { malloc(MAX), malloc(MAX) } };
	uint8_t *sent = malloc(MAX);
	size_t n[2] = { 0, 0 };
	struct flow flow;
	struct piece piece;

	assert_non_null(sent);
	for (size_t i = 0; i < MAX; i++)
		sent[i] = (uint8_t)(i * 131 >> 3);
	flow_init(&flow, &ends[0], &ends[1], (const uint32_t[]){ first, first + 77 });
	piece = flow_piece(&flow, FLOW_TO_SERVER, PIECE_OPEN, 0);
	hear_piece(&listener, &piece, NULL);
	assert_true(listener.is_open[0] && listener.is_open[1]);
	assert_int_equal(listener.mss, mss);
	for (unsigned i = 0; i < 4 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned way = i % 3 == 0 ? FLOW_TO_CLIENT : FLOW_TO_SERVER;
		size_t size = sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];

		piece = flow_piece(&flow, way, PIECE_DATA, size);
		hear_piece(&listener, &piece, sent + n[way]);
		n[way] += size;
	}
	piece = flow_piece(&flow, FLOW_TO_SERVER, PIECE_FINISH, 0);
	hear_piece(&listener, &piece, NULL);
	piece = flow_piece(&flow, FLOW_TO_CLIENT, PIECE_DATA, 5);
	hear_piece(&listener, &piece, sent + n[FLOW_TO_CLIENT]);
	n[FLOW_TO_CLIENT] += 5;
	piece = flow_piece(&flow, FLOW_TO_CLIENT, PIECE_FINISH, 0);
	hear_piece(&listener, &piece, NULL);
	assert_true(flow.is_finished[0] && flow.is_finished[1]);
	for (unsigned way = 0; way < 2; way++) {
		assert_int_equal(listener.n[way], n[way]);
		assert_memory_equal(listener.bytes[way], sent, n[way]);
		free(listener.bytes[way]);
	}
	free(sent);
}

static void test_ipv4(void **state)
{
	(void)state;
	converse("192.0.2.1", "198.51.100.7", 1000, 1460);
}

static void test_ipv6(void **state)
{
	(void)state;
	converse("2001:db8::1", "2001:db8:ffff::2", 1000, 1440);
}

/* The numbers pass 2^32 in the SYN, in the middle of a segment, between two, at every place. */
static void test_numbers_wrap(void **state)
{
	(void)state;
	for (uint32_t before = 0; before < 40; before++)
		converse("192.0.2.1", "198.51.100.7", UINT32_MAX - before, 1460);
	for (uint32_t before = 100; before < 200000; before += 9973)
		converse("2001:db8::1", "2001:db8::2", UINT32_MAX - before, 1440);
}

static struct seen only_frame(const struct piece *piece, const uint8_t *bytes, unsigned which)
{
	static uint8_t frame[FRAMES_MAX];
	struct frames frames = frames_of(piece, bytes);
	size_t n = 0;

	for (unsigned i = 0; i <= which; i++)
		n = frames_next(&frames, frame);
	assert_true(n > 0);
	return read_frame(frame, n);
}

static void test_ends(void **state)
{
	union addr ends[2] = { end_of("192.0.2.1", 40000), end_of("192.0.2.2", 443) };
	struct flow flow;
	struct piece piece;
	struct seen seen;

	(void)state;
	flow_init(&flow, &ends[0], &ends[1], (const uint32_t[]){ 10, 20 });
	piece = flow_piece(&flow, FLOW_TO_SERVER, PIECE_OPEN, 0);
	seen = only_frame(&piece, NULL, 0);
	assert_int_equal(seen.flags, SYN);
	assert_int_equal(seen.acknowledged, 0);
	assert_int_equal(seen.to_port, 443);
	seen = only_frame(&piece, NULL, 1);
	assert_int_equal(seen.flags, SYN | ACK);
	assert_int_equal(seen.from_port, 443);
	assert_int_equal(seen.way, FLOW_TO_CLIENT);
	assert_true(65535U << seen.shift >= 4 << 20);
	piece = flow_piece(&flow, FLOW_TO_CLIENT, PIECE_RESET, 0);
	seen = only_frame(&piece, NULL, 0);
	assert_int_equal(seen.flags, RST | ACK);
	assert_int_equal(seen.number, 21);
	assert_int_equal(seen.acknowledged, 11);
}

/* What nobody heard leaves a gap of just its size. */
static void test_lost_piece(void **state)
{
	union addr ends[2] = { end_of("192.0.2.1", 40000), end_of("192.0.2.2", 443) };
	uint8_t bytes[100] = { 0 };
	struct flow flow;
	struct piece piece;
	struct seen seen;

	(void)state;
	flow_init(&flow, &ends[0], &ends[1], (const uint32_t[]){ 0, 0 });
	(void)flow_piece(&flow, FLOW_TO_SERVER, PIECE_OPEN, 0);
	(void)flow_piece(&flow, FLOW_TO_SERVER, PIECE_DATA, 5000); /* lost */
	piece = flow_piece(&flow, FLOW_TO_SERVER, PIECE_DATA, sizeof(bytes));
	seen = only_frame(&piece, bytes, 0);
	assert_int_equal(seen.number, 1 + 5000);
	assert_int_equal(seen.flags, PSH | ACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),         cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_numbers_wrap), cmocka_unit_test(test_ends),
		cmocka_unit_test(test_lost_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
