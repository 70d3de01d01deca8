/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 by hand: what no nghttp2 would send. */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/frame.h"
#include "test/unit/http_play.h"

static const size_t pieces[] = { 0, 1, 5, 9, 100 };
enum { N_PIECES = sizeof(pieces) / sizeof(pieces[0]) };

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct wire {
	uint8_t bytes[65536];
	size_t n;
};

static void add(struct wire *wire, uint8_t type, uint8_t flags, uint32_t stream,
		const void *payload, size_t n)
{
	const struct frame frame = {
		.length = (uint32_t)n, .type = type, .flags = flags, .stream = stream
	};

	frame_write(&frame, wire->bytes + wire->n);
	if (n > 0)
		memcpy(wire->bytes + wire->n + FRAME_HEADER, payload, n);
	wire->n += FRAME_HEADER + n;
}

static void begin(struct wire *wire)
{
	wire->n = strlen(PREFACE);
	memcpy(wire->bytes, PREFACE, wire->n);
	add(wire, FRAME_SETTINGS, 0, 0, NULL, 0);
}

/* Literal fields without indexing: "name\0value\0...", up to an empty name. */
static size_t literal(const char *fields, uint8_t *block)
{
	uint8_t *at = block;

	while (*fields) {
		*at++ = 0;
		for (unsigned i = 0; i < 2; i++) {
			size_t n = strlen(fields);

			*at++ = (uint8_t)n;
			memcpy(at, fields, n);
			at += n;
			fields += n + 1;
		}
	}
	return (size_t)(at - block);
}

static void check_anomaly(const struct wire *wire, enum http_anomaly anomaly)
{
	for (unsigned i = 0; i < 2 * N_PIECES; i++) {
		struct play *p = play_new(HTTP_2, i < N_PIECES ? NULL : "/no");

		play(p, HTTP_TO_SERVER, wire->bytes, wire->n, pieces[i % N_PIECES]);
		assert_string_equal(http_anomaly_text(p->http->anomaly),
				    http_anomaly_text(anomaly));
		if (anomaly != HTTP_SOUND) {
			assert_int_equal(p->ways[HTTP_TO_SERVER].n_out, wire->n);
			assert_memory_equal(p->ways[HTTP_TO_SERVER].out, wire->bytes, wire->n);
		}
		play_free(p);
	}
}

#define F(name, value) name "\0" value "\0"
#define GOOD F(":method", "GET") F(":scheme", "https") F(":path", "/")

static void test_bad_fields(void **state)
{
	static const struct {
		const char *fields;
		enum http_anomaly anomaly;
	} cases[] = {
		{ GOOD F(":authority", "a"), HTTP_SOUND },
		{ GOOD F(":authority", "A:443") F("host", "a"), HTTP_SOUND },
		{ GOOD, HTTP_BAD_HOST },
		{ GOOD F(":authority", "a") F("host", "b"), HTTP_BAD_HOST },
		{ GOOD F("host", "a") F("host", "b"), HTTP_BAD_HOST },
		{ GOOD F(":authority", "u@a"), HTTP_BAD_HOST },
		{ GOOD F(":authority", "a") F(":path", "/b"), HTTP_BAD_GRAMMAR },
		{ GOOD F("x", "y") F(":authority", "a"), HTTP_BAD_GRAMMAR },
		{ GOOD F(":authority", "a") F(":status", "200"), HTTP_BAD_GRAMMAR },
		{ GOOD F(":authority", "a") F("X-Y", "y"), HTTP_BAD_GRAMMAR },
		{ GOOD F(":authority", "a") F("x y", "y"), HTTP_BAD_GRAMMAR },
		{ GOOD F(":authority", "a") F("x", "a\r\nHost: b"), HTTP_BAD_GRAMMAR },
		{ GOOD F(":authority", "a") F("transfer-encoding", "chunked"), HTTP_BAD_GRAMMAR },
		{ GOOD F(":authority", "a") F("connection", "x"), HTTP_BAD_GRAMMAR },
		{ GOOD F(":authority", "a") F(":protocol", "websocket"), HTTP_BAD_GRAMMAR },
		{ F(":method", "GET") F(":authority", "a"), HTTP_BAD_GRAMMAR },
		{ F(":method", "GET") F(":authority", "a") F(":path", "no"), HTTP_BAD_GRAMMAR },
		{ F(":method", "GET") F(":authority", "a") F(":path", "/ HTTP/1.1"),
		  HTTP_BAD_GRAMMAR },
		{ F(":method", "G T") F(":authority", "a") F(":path", "/"), HTTP_BAD_GRAMMAR },
		{ F(":method", "CONNECT") F(":authority", "a:443"), HTTP_TUNNEL },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire wire;
		uint8_t block[1024];
		size_t n = literal(cases[i].fields, block);

		begin(&wire);
		add(&wire, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, 1, block, n);
		check_anomaly(&wire, cases[i].anomaly);
	}
}

static void test_bad_frames(void **state)
{
	static const struct {
		uint8_t type, flags;
		uint32_t stream;
		size_t n;
		enum http_anomaly anomaly;
	} cases[] = {
		{ FRAME_PING, 0, 0, 8, HTTP_SOUND },
		{ 0x77, 0xff, 9, 100, HTTP_SOUND },
		{ FRAME_DATA, 0, 0, 1, HTTP_BAD_GRAMMAR },
		{ FRAME_DATA, FRAME_PADDED, 1, 0, HTTP_BAD_GRAMMAR },
		{ FRAME_HEADERS, FRAME_END_HEADERS, 0, 1, HTTP_BAD_GRAMMAR },
		{ FRAME_HEADERS, FRAME_END_HEADERS, 2, 1, HTTP_BAD_GRAMMAR },
		{ FRAME_HEADERS, FRAME_HAS_PRIORITY, 1, 4, HTTP_BAD_GRAMMAR },
		{ FRAME_HEADERS, 0, 1, HTTP_HEAD_MAX, HTTP_TOO_LARGE },
		{ FRAME_HEADERS, FRAME_END_HEADERS, 1, 1, HTTP_BAD_COMPRESSION },
		{ FRAME_CONTINUATION, FRAME_END_HEADERS, 1, 1, HTTP_BAD_GRAMMAR },
		{ FRAME_PUSH_PROMISE, FRAME_END_HEADERS, 1, 5, HTTP_BAD_GRAMMAR },
		{ FRAME_SETTINGS, 0, 0, 5, HTTP_BAD_GRAMMAR },
		{ FRAME_SETTINGS, 0, 1, 6, HTTP_BAD_GRAMMAR },
		{ FRAME_SETTINGS, FRAME_ACK, 0, 0, HTTP_BAD_GRAMMAR }, /* of nothing */
		{ FRAME_WINDOW_UPDATE, 0, 0, 5, HTTP_BAD_GRAMMAR },
		{ FRAME_RST_STREAM, 0, 1, 5, HTTP_BAD_GRAMMAR },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static const uint8_t zero[HTTP_HEAD_MAX];
		struct wire wire;

		begin(&wire);
		add(&wire, cases[i].type, cases[i].flags, cases[i].stream, zero, cases[i].n);
		check_anomaly(&wire, cases[i].anomaly);
	}
}

/* Frames that are harmless each, and not together. */
static void test_floods(void **state)
{
	static struct wire wire;
	uint8_t block[128];
	size_t n = literal(GOOD F(":authority", "a"), block);

	(void)state;
	begin(&wire);
	add(&wire, FRAME_HEADERS, 0, 1, block, n);
	for (unsigned i = 0; i < HTTP_HEAD_MAX / FRAME_HEADER; i++)
		add(&wire, FRAME_CONTINUATION, 0, 1, NULL, 0);
	check_anomaly(&wire, HTTP_TOO_LARGE);

	begin(&wire);
	add(&wire, FRAME_HEADERS, 0, 1, block, n);
	add(&wire, FRAME_PING, 0, 0, block, 8); /* in the midst of the block */
	check_anomaly(&wire, HTTP_BAD_GRAMMAR);

	begin(&wire);
	for (unsigned i = 0; i <= HTTP_EXCHANGES_MAX; i++)
		add(&wire, FRAME_HEADERS, FRAME_END_HEADERS, 2 * i + 1, block, n);
	check_anomaly(&wire, HTTP_TOO_MANY);

	begin(&wire); /* a stream that was never opened, behind a later one */
	add(&wire, FRAME_HEADERS, FRAME_END_HEADERS, 5, block, n);
	add(&wire, FRAME_HEADERS, FRAME_END_HEADERS, 3, block, n);
	check_anomaly(&wire, HTTP_BAD_GRAMMAR);

	wire.n = 0; /* no SETTINGS; no preface */
	memcpy(wire.bytes, PREFACE, wire.n = strlen(PREFACE));
	add(&wire, FRAME_HEADERS, FRAME_END_HEADERS, 1, block, n);
	check_anomaly(&wire, HTTP_BAD_GRAMMAR);
	memcpy(wire.bytes, "GET / HTTP/1.1\r\n", wire.n = 16);
	check_anomaly(&wire, HTTP_BAD_GRAMMAR);
}

/* A server that resets what it has not seen must not bring it past the judge. */
static void test_reset_before_judged(void **state)
{
	struct play *p = play_new(HTTP_2, "/no");
	struct wire client, server = { .n = 0 };
	uint8_t block[128];
	size_t n = literal(F(":method", "GET") F(":path", "/no") F(":authority", "a"), block);

	(void)state;
	begin(&client);
	add(&client, FRAME_HEADERS, 0, 1, block, n);
	play(p, HTTP_TO_SERVER, client.bytes, client.n, 0);
	add(&server, FRAME_SETTINGS, 0, 0, NULL, 0);
	add(&server, FRAME_RST_STREAM, 0, 1, "\0\0\0", 4);
	play(p, HTTP_TO_CLIENT, server.bytes, server.n, 0);
	assert_int_equal(p->http->anomaly, HTTP_BAD_GRAMMAR);
	play_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_fields),
		cmocka_unit_test(test_bad_frames),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_reset_before_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
