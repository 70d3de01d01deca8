/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1 as it goes by: what is seen, what is refused, what cannot be followed. */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/http_play.h"

#define END "\r\n"
#define GET(target) "GET " target " HTTP/1.1" END "Host: www.example" END END
#define OK(n) "HTTP/1.1 200 OK" END "Content-Length: " #n END END

static const size_t pieces[] = { 0, 1, 2, 3, 7, 50 };
enum { N_PIECES = sizeof(pieces) / sizeof(pieces[0]) };

struct turn {
	unsigned way;
	const char *text;
};

static size_t text_of(const struct turn *turns, unsigned way, char *text)
{
	text[0] = '\0';
	for (; turns->text; turns++)
		if (turns->way == way)
			strcat(text, turns->text);
	return strlen(text);
}

/* In pieces of every size: the same log, and no byte is changed. */
static void check_seen(const struct turn *turns, const char *log)
{
	char text[4096];

	for (unsigned i = 0; i < 2 * N_PIECES; i++) {
		struct play *p = play_new(HTTP_1, i < N_PIECES ? NULL : "/no");

		for (const struct turn *turn = turns; turn->text; turn++)
			play(p, turn->way, turn->text, strlen(turn->text), pieces[i % N_PIECES]);
		assert_int_equal(p->http->anomaly, HTTP_SOUND);
		http_finish(p->http, HTTP_TO_CLIENT, 0);
		play_end(p);
		assert_string_equal(p->log, log);
		for (unsigned way = 0; way < 2; way++) {
			assert_int_equal(p->ways[way].n_out, text_of(turns, way, text));
			assert_memory_equal(p->ways[way].out, text, p->ways[way].n_out);
		}
		play_free(p);
	}
}

#define CHECK_SEEN(log, ...) check_seen((const struct turn[]){ __VA_ARGS__, { 0, NULL } }, log)

static void test_lengths(void **state)
{
	(void)state;
	CHECK_SEEN("GET www.example /a?b 200 0/5;", { 0, GET("/a?b") }, { 1, OK(5) "hello" });
	CHECK_SEEN("POST www.example / 201 4/0;",
		   { 0, "POST / HTTP/1.1" END "host:\tWWW.Example.:8443 " END
			"content-length: 4" END END "body" },
		   { 1, "HTTP/1.1 201" END "Content-Length: 0" END END });
	CHECK_SEEN("POST www.example / 200 7/6;",
		   { 0, "POST / HTTP/1.1" END "Host: www.example" END
			"Transfer-Encoding: chunked" END END "4" END "body" END "3;a=b" END
			"abc" END "0" END "X: y" END END },
		   { 1, "HTTP/1.1 200 OK" END "Transfer-Encoding: chunked" END END "6" END
			"answer" END "0" END END });
}

/* The next message must be found behind each of them. */
static void test_no_body(void **state)
{
	(void)state;
	CHECK_SEEN(
		"HEAD www.example /a 200 0/0;GET www.example /b 304 0/0;GET www.example /c 204 0/0;"
		"GET www.example /d 200 0/2;",
		{ 0, "HEAD /a HTTP/1.1" END "Host: www.example" END END }, { 1, OK(1000) },
		{ 0, GET("/b") },
		{ 1, "HTTP/1.1 304 Not Modified" END "Content-Length: 77" END END },
		{ 0, GET("/c") }, { 1, "HTTP/1.1 204 No Content" END END }, { 0, GET("/d") },
		{ 1, OK(2) "ok" });
}

static void test_interim(void **state)
{
	(void)state;
	CHECK_SEEN("PUT www.example / 200 2/1;",
		   { 0, "PUT / HTTP/1.1" END "Host: www.example" END "Expect: 100-continue" END
			"Content-Length: 2" END END },
		   { 1, "HTTP/1.1 100 Continue" END END }, { 0, "ab" },
		   { 1, "HTTP/1.1 103 Early Hints" END "Link: x" END END OK(1) "x" });
}

static void test_pipelined(void **state)
{
	(void)state;
	CHECK_SEEN(
		"GET www.example /a 200 0/1;GET www.example /b 404 0/0;GET www.example /c 200 0/3;",
		{ 0, GET("/a") GET("/b") GET("/c") },
		{ 1, OK(1) "x"
			   "HTTP/1.1 404 " END "Content-Length: 0" END END OK(3) "abc" });
}

/* It ends with the connection; and one that the server answered before it was whole. */
static void test_ends(void **state)
{
	(void)state;
	CHECK_SEEN("GET www.example / 200 0/9;", { 0, GET("/") },
		   { 1, "HTTP/1.0 200 OK" END END "until end" });
	CHECK_SEEN("POST www.example / 413 2/0 C;",
		   { 0, "POST / HTTP/1.1" END "Host: www.example" END "Content-Length: 10" END END
			"ab" },
		   { 1, "HTTP/1.1 413 Too Large" END "Content-Length: 0" END END });
	CHECK_SEEN("GET www.example /a 0 0/0 C;", { 0, GET("/a") });
}

static void test_websocket(void **state)
{
	(void)state;
	CHECK_SEEN("GET www.example /chat 101 0/0 U;",
		   { 0, "GET /chat HTTP/1.1" END "Host: www.example" END "Upgrade: websocket" END
			"Connection: Upgrade" END END },
		   { 1, "HTTP/1.1 101 Switching Protocols" END "Upgrade: websocket" END
			"Connection: Upgrade" END END "\x81\x05hello" },
		   { 0, "\x81\x85mask\n\n\n" });
	CHECK_SEEN("GET www.example /a 200 0/2;GET www.example /b 200 0/2;",
		   { 0, "GET /a HTTP/1.1" END "Host: www.example" END "Upgrade: h2c" END END },
		   { 1, OK(2) "no" }, { 0, GET("/b") }, { 1, OK(2) "ok" });
}

/* "https://www.example/a" and the Host field must agree. */
static void test_absolute(void **state)
{
	(void)state;
	CHECK_SEEN("GET www.example /a 200 0/0;GET www.example  200 0/0;",
		   { 0, "GET https://WWW.example:443/a HTTP/1.1" END "Host: www.example" END END },
		   { 1, OK(0) },
		   { 0, "GET http://www.example HTTP/1.1" END "Host: www.example" END END },
		   { 1, OK(0) });
}

/* --- what cannot be followed --- */

static void check_anomaly(unsigned way, const char *text, enum http_anomaly anomaly)
{
	for (unsigned i = 0; i < N_PIECES; i++) {
		struct play *p = play_new(HTTP_1, i % 2 == 0 ? NULL : "/no");

		if (way == HTTP_TO_CLIENT)
			play(p, HTTP_TO_SERVER, GET("/"), strlen(GET("/")), 0);
		play(p, way, text, strlen(text), pieces[i]);
		if (p->http->anomaly != anomaly)
			print_message("%s: '%s'\n", http_anomaly_text(p->http->anomaly), text);
		assert_int_equal(p->http->anomaly, anomaly);
		/* And nothing was kept back. */
		assert_int_equal(p->ways[way].n_held, 0);
		assert_int_equal(p->ways[way].n_out, strlen(text));
		assert_memory_equal(p->ways[way].out, text, strlen(text));
		play_free(p);
	}
}

#define REQUEST(fields) "POST / HTTP/1.1" END "Host: a" END fields END END
#define RESPONSE(fields) "HTTP/1.1 200 OK" END fields END END

static void test_request_framing(void **state)
{
	static const char *const texts[] = {
		REQUEST("Content-Length: 1" END "Transfer-Encoding: chunked"),
		REQUEST("Transfer-Encoding: chunked" END "Content-Length: 1"),
		REQUEST("Content-Length: 1" END "Content-Length: 1"),
		REQUEST("Content-Length: 1" END "content-length: 2"),
		REQUEST("Content-Length: 1, 1"),
		REQUEST("Content-Length: +1"),
		REQUEST("Content-Length: -1"),
		REQUEST("Content-Length: 0x1"),
		REQUEST("Content-Length:"),
		REQUEST("Content-Length: 99999999999999999999"),
		REQUEST("Transfer-Encoding: gzip, chunked"),
		REQUEST("Transfer-Encoding: identity"),
		REQUEST("Transfer-Encoding: xchunked"),
		REQUEST("Transfer-Encoding: chunked" END "Transfer-Encoding: chunked"),
		"POST / HTTP/1.0" END "Host: a" END "Transfer-Encoding: chunked" END END,
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_anomaly(HTTP_TO_SERVER, texts[i], HTTP_BAD_FRAMING);
}

static void test_request_grammar(void **state)
{
	static const char *const texts[] = {
		"GET / HTTP/1.1\nHost: a\n\n",
		"GET / HTTP/1.1" END "Host: a\n" END,
		"GET / HTTP/1.1" END "Host: a" END "X: a" END " folded" END END,
		"GET / HTTP/1.1" END " Host: a" END END,
		"GET / HTTP/1.1" END "Host : a" END END,
		"GET / HTTP/1.1" END "Host: a" END "X: a\rb" END END,
		"GET / HTTP/1.1" END "Host: a" END "X: a\x01" END END,
		"GET / HTTP/1.1" END "Host: a" END "no colon" END END,
		"GET  / HTTP/1.1" END "Host: a" END END,
		"GET /a b HTTP/1.1" END "Host: a" END END,
		"GET /\xc3\xa4 HTTP/1.1" END "Host: a" END END,
		"GET / HTTP/1.2" END "Host: a" END END,
		"GET / HTTP/2.0" END "Host: a" END END,
		"GET /" END,
		"get(x) / HTTP/1.1" END "Host: a" END END,
		"GET a HTTP/1.1" END "Host: a" END END,
		"GET ftp://a/ HTTP/1.1" END "Host: a" END END,
		END "GET / HTTP/1.1" END "Host: a" END END,
		"a1 LOGIN user password" END,
		"EHLO mail.example" END,
		"AMETHODTHATISMUCHTOOLONGFORIT / HTTP/1.1" END,
		"client sends this, and awaits an answer",
		"LOGIN alice",
		"\x16\x03\x01",
		"{\"json\":1}",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_anomaly(HTTP_TO_SERVER, texts[i], HTTP_BAD_GRAMMAR);
	check_anomaly(HTTP_TO_SERVER, "CONNECT a:443 HTTP/1.1" END "Host: a:443" END END,
		      HTTP_TUNNEL);
}

/* Half a head at the end is sent on, if whoever judges wants that. */
static void test_end_in_head(void **state)
{
	struct play *p = play_new(HTTP_1, "/no");

	(void)state;
	play(p, HTTP_TO_SERVER, "GET /a HT", 9, 0);
	assert_int_equal(p->ways[HTTP_TO_SERVER].n_held, 9);
	http_finish(p->http, HTTP_TO_SERVER, 9);
	assert_int_equal(p->http->anomaly, HTTP_BAD_GRAMMAR);
	play(p, HTTP_TO_SERVER, NULL, 0, 0);
	assert_int_equal(p->ways[HTTP_TO_SERVER].n_out, 9);
	play_free(p);
}

static void test_hosts(void **state)
{
	static const char *const texts[] = {
		"GET / HTTP/1.1" END END,
		"GET / HTTP/1.1" END "Host: a" END "Host: a" END END,
		"GET / HTTP/1.1" END "Host:" END END,
		"GET / HTTP/1.1" END "Host: a b" END END,
		"GET / HTTP/1.1" END "Host: a/b" END END,
		"GET / HTTP/1.1" END "Host: a,b" END END,
		"GET / HTTP/1.1" END "Host: u@a" END END,
		"GET / HTTP/1.1" END "Host: a:x" END END,
		"GET / HTTP/1.1" END "Host: [::1" END END,
		"GET https://a/ HTTP/1.1" END "Host: b" END END,
		"GET https://u@a/ HTTP/1.1" END "Host: a" END END,
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_anomaly(HTTP_TO_SERVER, texts[i], HTTP_BAD_HOST);
}

static void test_responses(void **state)
{
	(void)state;
	check_anomaly(HTTP_TO_CLIENT, "220 mail.example ESMTP" END, HTTP_BAD_GRAMMAR);
	check_anomaly(HTTP_TO_CLIENT, "HTTP/1.1 2000 OK" END END, HTTP_BAD_GRAMMAR);
	check_anomaly(HTTP_TO_CLIENT, "HTTP/1.1 200 OK\n\n", HTTP_BAD_GRAMMAR);
	check_anomaly(HTTP_TO_CLIENT,
		      RESPONSE("Content-Length: 1" END "Transfer-Encoding: chunked"),
		      HTTP_BAD_FRAMING);
	check_anomaly(HTTP_TO_CLIENT, RESPONSE("Transfer-Encoding: chunked") "5\nhello",
		      HTTP_BAD_FRAMING);
	check_anomaly(HTTP_TO_CLIENT, RESPONSE("Transfer-Encoding: chunked") "x" END,
		      HTTP_BAD_FRAMING);
	check_anomaly(HTTP_TO_CLIENT, RESPONSE("Transfer-Encoding: chunked") "1" END "ab",
		      HTTP_BAD_FRAMING);
	check_anomaly(HTTP_TO_CLIENT, "HTTP/1.1 101 Switching" END END, HTTP_UNSOLICITED);
	check_anomaly(HTTP_TO_CLIENT, OK(0) OK(0), HTTP_UNSOLICITED);
}

static void test_limits(void **state)
{
	static char large[HTTP_HEAD_MAX + 100];
	struct play *p = play_new(HTTP_1, "/no");

	(void)state;
	snprintf(large, sizeof(large), "GET /");
	memset(large + strlen(large), 'a', sizeof(large) - 1 - strlen(large));
	check_anomaly(HTTP_TO_SERVER, large, HTTP_TOO_LARGE);
	for (unsigned i = 0; i <= HTTP_EXCHANGES_MAX; i++)
		play(p, HTTP_TO_SERVER, GET("/"), strlen(GET("/")), 0);
	assert_int_equal(p->http->anomaly, HTTP_TOO_MANY);
	assert_int_equal(p->http->n_exchanges, HTTP_EXCHANGES_MAX);
	play_free(p);
}

/* --- refused --- */

/* What the client has, behind so many bytes of the server's. */
static void check_answer(struct play *p, size_t n_before, const char *end)
{
	const uint8_t *out = p->ways[HTTP_TO_CLIENT].out;
	size_t n = p->ways[HTTP_TO_CLIENT].n_out;

	assert_memory_equal(out + n_before, "HTTP/1.1 403 Forbidden" END, 24);
	assert_memory_equal(out + n - strlen(end), end, strlen(end));
	/* Nothing comes behind it. */
	play(p, HTTP_TO_CLIENT, OK(0), strlen(OK(0)), 0);
	assert_int_equal(p->ways[HTTP_TO_CLIENT].n_out, n);
}

static void test_refused(void **state)
{
	static const char sent[] = GET("/a") GET("/b") GET("/no/c") GET("/d");
	const char *end = strstr(sent, "GET /no");

	(void)state;
	for (unsigned i = 0; i < N_PIECES; i++) {
		struct play *p = play_new(HTTP_1, "/no");

		play(p, HTTP_TO_SERVER, sent, strlen(sent), pieces[i]);
		assert_int_equal(p->ways[HTTP_TO_SERVER].n_out, end - sent);
		assert_memory_equal(p->ways[HTTP_TO_SERVER].out, sent, end - sent);
		assert_int_equal(p->ways[HTTP_TO_SERVER].n_held, 0);
		assert_int_equal(p->n_judged, 3);
		assert_false(http_is_settled(p->http));
		play(p, HTTP_TO_CLIENT, OK(1) "x" OK(2) "x", strlen(OK(1) "x" OK(2) "x"),
		     pieces[i]);
		assert_false(http_is_settled(p->http));
		play(p, HTTP_TO_CLIENT, "y", 1, 0);
		assert_true(http_is_settled(p->http));
		check_answer(p, strlen(OK(1) "x" OK(2) "xy"), END END "<p>no</p>");
		assert_string_equal(p->log,
				    "GET www.example /no/c 403 0/0 F;"
				    "GET www.example /a 200 0/1;GET www.example /b 200 0/2;");
		play_free(p);
	}
}

/* With HEAD there is no page; and not one byte of a body that was held goes on. */
static void test_refused_others(void **state)
{
	static const char post[] =
		"POST /no HTTP/1.1" END "Host: a" END "Content-Length: 3" END END "abc" GET("/");
	static const char head[] = "HEAD /no HTTP/1.1" END "Host: a" END END;
	struct play *p = play_new(HTTP_1, "/no");

	(void)state;
	play(p, HTTP_TO_SERVER, post, strlen(post), 0);
	assert_int_equal(p->ways[HTTP_TO_SERVER].n_out + p->ways[HTTP_TO_SERVER].n_held, 0);
	assert_false(http_is_settled(p->http));
	play(p, HTTP_TO_CLIENT, NULL, 0, 0);
	assert_true(http_is_settled(p->http));
	play_free(p);
	p = play_new(HTTP_1, "/no");
	play(p, HTTP_TO_SERVER, head, strlen(head), 1);
	assert_int_equal(p->ways[HTTP_TO_SERVER].n_out + p->ways[HTTP_TO_SERVER].n_held, 0);
	play(p, HTTP_TO_CLIENT, NULL, 0, 0);
	check_answer(p, 0, END END);
	play_free(p);
}

/* A judge must know what is spoken behind it. */
static void test_switching(void **state)
{
	static const char ask[] = "GET / HTTP/1.1" END "Host: a" END "Upgrade: h2c" END END;
	static const char agree[] = "HTTP/1.1 101 Switching" END END;
	struct play *p = play_new(HTTP_1, "/no");

	(void)state;
	play(p, HTTP_TO_SERVER, ask, strlen(ask), 0);
	play(p, HTTP_TO_CLIENT, agree, strlen(agree), 0);
	assert_int_equal(p->http->anomaly, HTTP_TUNNEL);
	play_free(p);
	p = play_new(HTTP_1, "/no");
	play(p, HTTP_TO_SERVER, ask, strlen(ask), 0);
	play(p, HTTP_TO_SERVER, "PRI", 3, 0);
	assert_int_equal(p->http->anomaly, HTTP_TUNNEL);
	play_free(p);
}

/* Of a long target a part is kept for the log; a host that is longer than names may be is none. */
static void test_long(void **state)
{
	char request[4096], path[2001] = "/", log[2100], host[257];
	struct play *p = play_new(HTTP_1, "/no");

	(void)state;
	memset(path + 1, 'p', 1999);
	snprintf(request, sizeof(request), "GET %s HTTP/1.1" END "Host: www.example" END END, path);
	play(p, HTTP_TO_SERVER, request, strlen(request), 0);
	play(p, HTTP_TO_CLIENT, OK(0), strlen(OK(0)), 0);
	snprintf(log, sizeof(log), "GET www.example %.1024s 200 0/0;", path);
	assert_string_equal(p->log, log);
	assert_string_equal((char *)p->ways[HTTP_TO_SERVER].out, request);
	memset(host, 'h', 256);
	host[256] = '\0';
	snprintf(request, sizeof(request), "GET / HTTP/1.1" END "Host: %s" END END, host);
	play(p, HTTP_TO_SERVER, request, strlen(request), 0);
	assert_int_equal(p->http->anomaly, HTTP_BAD_HOST);
	play_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_no_body),
		cmocka_unit_test(test_interim),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_websocket),
		cmocka_unit_test(test_absolute),
		cmocka_unit_test(test_request_framing),
		cmocka_unit_test(test_request_grammar),
		cmocka_unit_test(test_end_in_head),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_others),
		cmocka_unit_test(test_switching),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
