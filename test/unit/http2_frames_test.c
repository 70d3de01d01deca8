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

/* --- both ends by hand --- */

/* A request on stream 1 for that path, judged or not; the client's SETTINGS before it. */
static struct play *ask(const char *refused, struct wire *client, const char *fields)
{
	struct play *p = play_new(HTTP_2, refused);
	uint8_t block[1024];
	size_t n = literal(fields, block);

	begin(client);
	add(client, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, 1, block, n);
	play(p, HTTP_TO_SERVER, client->bytes, client->n, 0);
	return p;
}

/* The server's SETTINGS, and what it answers on stream 1. */
static void add_answer(struct wire *server, const char *fields)
{
	uint8_t block[256];
	size_t n = literal(fields, block);

	server->n = 0;
	add(server, FRAME_SETTINGS, 0, 0, NULL, 0);
	add(server, FRAME_HEADERS, FRAME_END_HEADERS, 1, block, n);
}

static void test_bad_answers(void **state)
{
	static const struct {
		const char *fields;
		enum http_anomaly anomaly;
	} cases[] = {
		{ F(":status", "200") F("content-type", "a/b"), HTTP_SOUND },
		{ F(":status", "2x0"), HTTP_BAD_GRAMMAR },
		{ F(":status", "99"), HTTP_BAD_GRAMMAR },
		{ F(":status", "099"), HTTP_BAD_GRAMMAR },
		{ F("content-type", "a/b"), HTTP_BAD_GRAMMAR },
		{ F(":path", "/"), HTTP_BAD_GRAMMAR },
	};
	uint8_t trailers[32];
	size_t n = literal(F("x-trailer", "y"), trailers);

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire client, server;
		struct play *p = ask(NULL, &client, GOOD F(":authority", "a"));

		add_answer(&server, cases[i].fields);
		add(&server, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, 1, trailers, n);
		play(p, HTTP_TO_CLIENT, server.bytes, server.n, pieces[i % N_PIECES]);
		assert_string_equal(http_anomaly_text(p->http->anomaly),
				    http_anomaly_text(cases[i].anomaly));
		play_free(p);
	}
}

/* What the server sends unasked is seen; where somebody judges, it may not be what he refuses. */
static void test_pushed(void **state)
{
	static const struct {
		const char *refused, *path, *log;
		enum http_anomaly anomaly;
	} cases[] = {
		{ NULL, "/no", "GET a / 200 0/0;GET a /no 200 0/3 P;", HTTP_SOUND },
		{ "/no", "/yes", "GET a / 200 0/0;GET a /yes 200 0/3 P;", HTTP_SOUND },
		{ "/no", "/no", NULL, HTTP_UNSOLICITED },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire client, server = { .n = 0 };
		struct play *p = ask(cases[i].refused, &client, GOOD F(":authority", "a"));
		uint8_t block[256] = { 0, 0, 0, 2 }; /* the stream that is promised */
		size_t n = 4 + literal(F(":method", "GET") F(":authority", "a"), block + 4);

		block[n++] = 0;
		block[n++] = 5;
		memcpy(block + n, ":path", 5);
		n += 5;
		block[n++] = (uint8_t)strlen(cases[i].path);
		memcpy(block + n, cases[i].path, strlen(cases[i].path));
		n += strlen(cases[i].path);
		add(&server, FRAME_SETTINGS, 0, 0, NULL, 0);
		add(&server, FRAME_PUSH_PROMISE, FRAME_END_HEADERS, 1, block, n);
		n = literal(F(":status", "200"), block);
		add(&server, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, 1, block, n);
		add(&server, FRAME_HEADERS, FRAME_END_HEADERS, 2, block, n);
		add(&server, FRAME_DATA, FRAME_END_STREAM, 2, "abc", 3);
		play(p, HTTP_TO_CLIENT, server.bytes, server.n, 0);
		assert_string_equal(http_anomaly_text(p->http->anomaly),
				    http_anomaly_text(cases[i].anomaly));
		play_end(p);
		if (cases[i].log)
			assert_string_equal(p->log, cases[i].log);
		play_free(p);
	}
}

/* As wide as the client says, and from its next answer on not wider. */
static void test_table(void **state)
{
	static const uint8_t wide[] = { 0, 1, 0, 0, 0x20, 0 }, narrow[] = { 0, 1, 0, 0, 0, 100 };
	static const uint8_t update[] = { 0x3f, 100 - 31 };

	(void)state;
	for (unsigned is_told = 0; is_told < 2; is_told++) {
		struct wire client, server;
		struct play *p = ask(NULL, &client, GOOD F(":authority", "a"));
		uint8_t block[64];
		size_t n = 0;

		client.n = 0;
		add(&client, FRAME_SETTINGS, 0, 0, wide, sizeof(wide));
		add(&client, FRAME_SETTINGS, 0, 0, narrow, sizeof(narrow));
		play(p, HTTP_TO_SERVER, client.bytes, client.n, 0);
		add_answer(&server, F(":status", "103")); /* may still be in the old table */
		for (unsigned i = 0; i < 3; i++)
			add(&server, FRAME_SETTINGS, FRAME_ACK, 0, NULL, 0);
		if (is_told)
			memcpy(block, update, n = sizeof(update));
		n += literal(F(":status", "200"), block + n);
		add(&server, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, 1, block, n);
		play(p, HTTP_TO_CLIENT, server.bytes, server.n, 0);
		assert_string_equal(http_anomaly_text(p->http->anomaly),
				    http_anomaly_text(is_told ? HTTP_SOUND : HTTP_BAD_COMPRESSION));
		play_free(p);
	}
}

/* Settings that nobody agrees to; fields that take no room in the block, and much in memory. */
static void test_amplified(void **state)
{
	static struct wire wire;
	uint8_t block[4096] = { 0x40, 1, 'x', 127, 0x80 | 49, 28 }; /* "x": 3760 bytes, indexed */
	size_t n = 6 + 127 + 49 + 28 * 128, n_good;

	(void)state;
	begin(&wire);
	for (unsigned i = 0; i < 16; i++)
		add(&wire, FRAME_SETTINGS, 0, 0, NULL, 0);
	check_anomaly(&wire, HTTP_TOO_MANY);

	begin(&wire);
	n_good = literal(GOOD F(":authority", "a"), wire.bytes + wire.n + FRAME_HEADER);
	memset(block + 6, 'y', n - 6);
	memset(block + n, 0x80 | 62, 17); /* once more, each */
	memmove(block + n_good, block, n + 17);
	literal(GOOD F(":authority", "a"), block);
	add(&wire, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, 1, block, n_good + n + 17);
	check_anomaly(&wire, HTTP_TOO_LARGE);
}

static void test_padded(void **state)
{
	struct wire wire;
	uint8_t block[256] = { 3 };
	size_t n = 1 + literal(GOOD F(":authority", "a"), block + 1);

	(void)state;
	begin(&wire);
	add(&wire, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM | FRAME_PADDED, 1, block,
	    n + 3);
	check_anomaly(&wire, HTTP_SOUND);
	block[0] = 255;
	begin(&wire);
	add(&wire, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM | FRAME_PADDED, 1, block,
	    n + 3);
	check_anomaly(&wire, HTTP_BAD_GRAMMAR);
}

/* RFC 8441: what is inside such a stream cannot be judged, but for websockets. */
static void test_tunnel(void **state)
{
	static const char fields[] = F(":method", "CONNECT") F(":protocol", "connect-udp")
		F(":scheme", "https") F(":path", "/") F(":authority", "a");

	(void)state;
	for (unsigned is_judged = 0; is_judged < 2; is_judged++) {
		struct wire client;
		struct play *p = ask(is_judged ? "/no" : NULL, &client, fields);

		assert_int_equal(p->http->anomaly, is_judged ? HTTP_TUNNEL : HTTP_SOUND);
		play_free(p);
	}
}

/* What the client opens for the page that it got from us is not the server's to use. */
static void test_window_of_the_page(void **state)
{
	static const uint8_t one[] = { 0, 0, 0, 1 }, many[] = { 0, 0, 0x10, 0 };
	struct wire client, server = { .n = 0 };
	struct play *p =
		ask("/no", &client, F(":method", "GET") F(":path", "/no") F(":authority", "a"));
	size_t n_out = p->ways[HTTP_TO_SERVER].n_out;

	(void)state;
	add(&server, FRAME_SETTINGS, 0, 0, NULL, 0);
	play(p, HTTP_TO_CLIENT, server.bytes, server.n, 0);
	client.n = 0;
	add(&client, FRAME_WINDOW_UPDATE, 0, 0, one, sizeof(one));
	play(p, HTTP_TO_SERVER, client.bytes, client.n, 0);
	assert_int_equal(p->ways[HTTP_TO_SERVER].n_out, n_out);
	client.n = 0;
	add(&client, FRAME_WINDOW_UPDATE, 0, 0, many, sizeof(many));
	play(p, HTTP_TO_SERVER, client.bytes, client.n, 0);
	assert_int_equal(p->ways[HTTP_TO_SERVER].n_out, n_out + FRAME_HEADER + 4);
	assert_int_equal(p->http->anomaly, HTTP_SOUND);
	play_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_fields),
		cmocka_unit_test(test_bad_frames),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_reset_before_judged),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_pushed),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_amplified),
		cmocka_unit_test(test_padded),
		cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_window_of_the_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
