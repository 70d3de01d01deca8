/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/packet.h"

/* The SYN that Linux sends, as captured. */
static const uint8_t syn4[] = {
	0x45, 0x00, 0x00, 0x3c, 0x1c, 0x46, 0x40, 0x00, 0x40, 0x06, 0x00, 0x00, 0x0a, 0x00, 0x01,
	0x02, 0x0a, 0x00, 0x02, 0x0a, 0x9c, 0x40, 0x01, 0xbb, 0x12, 0x34, 0x56, 0x78, 0x00, 0x00,
	0x00, 0x00, 0xa0, 0x02, 0xfa, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04,
	0x02, 0x08, 0x0a, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x07,
};

enum { FLAGS4 = 33, FRAGMENT4 = 6 };

static void check_ends(const struct packet *packet, const char *client, uint16_t client_port,
		       const char *server, uint16_t server_port)
{
	char text[ADDR_TEXT_MAX];

	assert_string_equal(addr_text(&packet->client, text), client);
	assert_string_equal(addr_text(&packet->server, text), server);
	assert_int_equal(addr_port(&packet->client), client_port);
	assert_int_equal(addr_port(&packet->server), server_port);
}

static void test_syn(void **state)
{
	struct packet packet;

	(void)state;
	assert_int_equal(packet_parse(syn4, sizeof(syn4), &packet), 0);
	check_ends(&packet, "10.0.1.2", 40000, "10.0.2.10", 443);
	assert_int_equal(packet.protocol, IPPROTO_TCP);
	assert_true(packet.is_syn);
}

static void test_flags(void **state)
{
	static const struct {
		uint8_t flags;
		bool is_syn;
	} cases[] = { { 0x02, true },  { 0xc2, true },  { 0x12, false },
		      { 0x10, false }, { 0x06, false }, { 0x03, false } };
	uint8_t bytes[sizeof(syn4)];
	struct packet packet;

	(void)state;
	memcpy(bytes, syn4, sizeof(bytes));
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bytes[FLAGS4] = cases[i].flags;
		assert_int_equal(packet_parse(bytes, sizeof(bytes), &packet), 0);
		assert_int_equal(packet.is_syn, cases[i].is_syn);
	}
}

/* All that a parser needs is 34 bytes; every shorter piece is refused, whatever lies behind it. */
static void test_cut(void **state)
{
	uint8_t *piece;
	struct packet packet;

	(void)state;
	for (size_t n = 0; n <= sizeof(syn4); n++) {
		piece = test_malloc(n ? n : 1);
		memcpy(piece, syn4, n);
		assert_int_equal(packet_parse(piece, n, &packet), n <= FLAGS4 ? -EINVAL : 0);
		test_free(piece);
	}
}

static void test_other_packets(void **state)
{
	uint8_t bytes[sizeof(syn4)];
	struct packet packet;

	(void)state;
	memcpy(bytes, syn4, sizeof(bytes));
	bytes[FRAGMENT4 + 1] = 1; /* not the first fragment: it has no ports */
	assert_int_equal(packet_parse(bytes, sizeof(bytes), &packet), -EPROTONOSUPPORT);
	bytes[FRAGMENT4] = 0x20; /* more to come, but the first */
	bytes[FRAGMENT4 + 1] = 0;
	assert_int_equal(packet_parse(bytes, sizeof(bytes), &packet), 0);
	bytes[9] = IPPROTO_ICMP;
	assert_int_equal(packet_parse(bytes, sizeof(bytes), &packet), -EPROTONOSUPPORT);
	bytes[0] = 0x44; /* a header of 16 bytes */
	assert_int_equal(packet_parse(bytes, sizeof(bytes), &packet), -EINVAL);
	bytes[0] = 0x55;
	assert_int_equal(packet_parse(bytes, sizeof(bytes), &packet), -EINVAL);
}

static void test_ipv4_options(void **state)
{
	uint8_t bytes[sizeof(syn4) + 8] = { 0 };
	struct packet packet;

	(void)state;
	memcpy(bytes, syn4, 20);
	bytes[0] = 0x47;
	memset(bytes + 20, 1, 8); /* no operation */
	memcpy(bytes + 28, syn4 + 20, sizeof(syn4) - 20);
	assert_int_equal(packet_parse(bytes, sizeof(bytes), &packet), 0);
	check_ends(&packet, "10.0.1.2", 40000, "10.0.2.10", 443);
	assert_true(packet.is_syn);
}

static const uint8_t addresses6[] = {
	0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02,
	0xfd, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
};

/* An IPv6 packet of these extension headers (eight bytes each, by their numbers) and the SYN. */
static size_t make6(uint8_t *bytes, const uint8_t *kinds, unsigned n, uint8_t last)
{
	size_t at = 40;

	memset(bytes, 0, 40);
	bytes[0] = 0x60;
	bytes[6] = n > 0 ? kinds[0] : last;
	memcpy(bytes + 8, addresses6, sizeof(addresses6));
	for (unsigned i = 0; i < n; i++, at += 8) {
		memset(bytes + at, 0, 8);
		bytes[at] = i + 1 < n ? kinds[i + 1] : last;
	}
	memcpy(bytes + at, syn4 + 20, sizeof(syn4) - 20);
	return at + sizeof(syn4) - 20;
}

static void test_ipv6(void **state)
{
	static const uint8_t kinds[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING,
					 IPPROTO_FRAGMENT };
	uint8_t bytes[512];
	struct packet packet;
	size_t n;

	(void)state;
	for (unsigned i = 0; i <= sizeof(kinds); i++) {
		n = make6(bytes, kinds, i, IPPROTO_TCP);
		assert_int_equal(packet_parse(bytes, n, &packet), 0);
		check_ends(&packet, "fd00:1::2", 40000, "fd00:2::10", 443);
		assert_true(packet.is_syn);
	}
	bytes[40 + 3 * 8 + 3] = 8; /* the fragment header's offset */
	assert_int_equal(packet_parse(bytes, n, &packet), -EPROTONOSUPPORT);
	n = make6(bytes, kinds, 1, IPPROTO_NONE);
	assert_int_equal(packet_parse(bytes, n, &packet), -EPROTONOSUPPORT);
}

static void test_ipv6_endless(void **state)
{
	uint8_t kinds[32], bytes[512];
	struct packet packet;
	size_t n;

	(void)state;
	memset(kinds, IPPROTO_DSTOPTS, sizeof(kinds));
	n = make6(bytes, kinds, sizeof(kinds), IPPROTO_TCP);
	assert_int_equal(packet_parse(bytes, n, &packet), -EINVAL);
	n = make6(bytes, kinds, 1, IPPROTO_TCP);
	bytes[41] = 255; /* longer than the packet */
	assert_int_equal(packet_parse(bytes, n, &packet), -EINVAL);
}

static const uint8_t text[5] = { 'h', 'e', 'l', 'l', 'o' };

static void test_udp(void **state)
{
	uint8_t bytes[28 + 5];
	struct packet packet;

	(void)state;
	memcpy(bytes, syn4, 24);
	bytes[9] = IPPROTO_UDP;
	memset(bytes + 24, 0, 4);
	memcpy(bytes + 28, text, sizeof(text));
	assert_int_equal(packet_parse(bytes, sizeof(bytes), &packet), 0);
	check_ends(&packet, "10.0.1.2", 40000, "10.0.2.10", 443);
	assert_false(packet.is_syn);
	assert_int_equal(packet.n_payload, 5);
	assert_memory_equal(packet.payload, text, sizeof(text));
	assert_int_equal(packet_parse(bytes, 27, &packet), -EINVAL);
	assert_int_equal(packet_parse(bytes, 28, &packet), 0);
	assert_int_equal(packet.n_payload, 0);
}

/* Options, payload, and what the link put behind them. */
static void test_tcp_payload(void **state)
{
	uint8_t bytes[sizeof(syn4) + 5 + 6];
	struct packet packet;

	(void)state;
	memcpy(bytes, syn4, sizeof(syn4));
	memcpy(bytes + sizeof(syn4), "hellopad...", 11);
	bytes[3] = sizeof(syn4) + 5;
	bytes[FLAGS4] = PACKET_ACK | PACKET_FIN;
	for (size_t n = FLAGS4 + 1; n <= sizeof(bytes); n++) {
		size_t want = n < sizeof(syn4) ? 0 : n - sizeof(syn4);

		assert_int_equal(packet_parse(bytes, n, &packet), 0);
		assert_int_equal(packet.sequence, 0x12345678);
		assert_int_equal(packet.acknowledged, 0);
		assert_int_equal(packet.tcp_flags, PACKET_ACK | PACKET_FIN);
		assert_int_equal(packet.n_payload, want < 5 ? want : 5);
		if (want > 0)
			assert_memory_equal(packet.payload, text, packet.n_payload);
	}
	bytes[3] = 0; /* left to the network card */
	assert_int_equal(packet_parse(bytes, sizeof(bytes), &packet), 0);
	assert_int_equal(packet.n_payload, 11);
	bytes[32] = 0x40; /* a header of 16 bytes */
	assert_int_equal(packet_parse(bytes, sizeof(bytes), &packet), 0);
	assert_null(packet.payload);
	bytes[3] = 30; /* ends within the TCP header */
	assert_int_equal(packet_parse(bytes, sizeof(bytes), &packet), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syn),          cmocka_unit_test(test_flags),
		cmocka_unit_test(test_cut),          cmocka_unit_test(test_other_packets),
		cmocka_unit_test(test_ipv4_options), cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_ipv6_endless), cmocka_unit_test(test_udp),
		cmocka_unit_test(test_tcp_payload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
