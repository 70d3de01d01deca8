/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of HTTP/1 that are held until their bodies are judged. */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"

#define END "\r\n"
#define GET(target) "GET " target " HTTP/1.1" END "Host: www.example" END END
#define POST(n) "POST /up HTTP/1.1" END "Host: www.example" END "Content-Length: " #n END END
#define OK(n) "HTTP/1.1 200 OK" END "Content-Length: " #n END END
#define CHUNKED "HTTP/1.1 200 OK" END "Transfer-Encoding: chunked" END END

enum { MAX = 100 };

/* A connection of which this test is the relay. */
struct play {
	struct http *http;
	struct http_scanner scanner;
	struct held_budget budget;
	enum http_answer answer; /* to every body */
	bool refuses;
	unsigned n_scanned;
	char body[256]; /* the last that was handed over */
	enum scan_verdict why;
	struct {
		uint8_t buffer[4096 + HTTP_ROOM];
		size_t n_held;
		char out[4096 + HTTP_ROOM];
		size_t n_out;
	} ways[2];
	unsigned n_reported;
};

static void report(void *context, const struct exchange *exchange)
{
	struct play *play = context;

	(void)exchange;
	play->n_reported++;
}

static bool wants(void *context, unsigned way, const struct exchange *exchange)
{
	(void)context;
	(void)way;
	return strcmp(exchange->target, "/free") != 0;
}

static enum http_answer scan(void *context, unsigned way, struct exchange *exchange,
			     const struct held *held, char **ret_page)
{
	struct play *play = context;
	size_t n;
	const uint8_t *body = held_body(held, &n);

	(void)way;
	(void)exchange;
	assert_true(n < sizeof(play->body));
	memcpy(play->body, body, n);
	play->body[n] = '\0';
	play->n_scanned++;
	if (play->answer == HTTP_REFUSE)
		*ret_page = strdup("page");
	return play->answer;
}

static bool refuses(void *context, unsigned way, struct exchange *exchange, enum scan_verdict why,
		    char **ret_page)
{
	struct play *play = context;

	(void)way;
	(void)exchange;
	play->why = why;
	if (play->refuses)
		*ret_page = strdup("page");
	return play->refuses;
}

static struct play *begin(enum http_answer answer)
{
	struct play *play = calloc(1, sizeof(*play));
	struct http_hooks hooks = { .context = play, .report = report };

	assert_non_null(play);
	play->answer = answer;
	play->budget.limit = 1 << 20;
	play->scanner = (struct http_scanner){ .wants = wants,
					       .scan = scan,
					       .refuses = refuses,
					       .max = MAX,
					       .budget = &play->budget };
	hooks.scanner = &play->scanner;
	assert_int_equal(http_new(HTTP_1, &hooks, &play->http), 0);
	return play;
}

static void end(struct play *play)
{
	http_free(play->http);
	assert_int_equal(play->budget.used, 0);
	free(play);
}

static void put_out(struct play *play, unsigned way, const uint8_t *bytes, size_t n)
{
	memcpy(play->ways[way].out + play->ways[way].n_out, bytes, n);
	play->ways[way].n_out += n;
	play->ways[way].out[play->ways[way].n_out] = '\0';
}

static void read_on(struct play *play, unsigned way, size_t n)
{
	uint8_t *buffer = play->ways[way].buffer;
	size_t n_held = play->ways[way].n_held, total = n_held + n;
	size_t n_free = http_read(play->http, way, buffer, n_held, &total);

	put_out(play, way, buffer, n_free);
	play->ways[way].n_held = total - n_free;
	memmove(buffer, buffer + n_free, total - n_free);
}

/* All that may go does, in pieces of three bytes. */
static void drain(struct play *play, unsigned way)
{
	const uint8_t *bytes;
	size_t n;

	while ((bytes = http_released(play->http, way, &n))) {
		n = n < 3 ? n : 3;
		put_out(play, way, bytes, n);
		http_sent(play->http, way, n);
		if (!http_is_holding(play->http, way))
			read_on(play, way, 0);
	}
}

static void feed(struct play *play, unsigned way, const char *text, size_t piece)
{
	for (size_t n = strlen(text); n > 0; n -= piece, text += piece) {
		if (piece == 0 || piece > n)
			piece = n;
		memcpy(play->ways[way].buffer + play->ways[way].n_held, text, piece);
		if (http_is_holding(play->http, way))
			play->ways[way].n_held += piece; /* a relay would not have read it yet */
		else
			read_on(play, way, piece);
		drain(play, way);
	}
}

static void check_out(const struct play *play, unsigned way, const char *text)
{
	assert_string_equal(play->ways[way].out, text);
}

static const size_t pieces[] = { 0, 1, 7 };

/* What is clean goes out as it came. */
static void test_clean(void **state)
{
	static const char requests[] = GET("/1") GET("/2") GET("/free") GET("/4");
	static const char answers[] = OK(3) "abc" CHUNKED "2;x" END "de" END "1" END "f" END
					    "0" END END OK(4) "free" OK(0);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct play *play = begin(HTTP_RELEASE);

		feed(play, HTTP_TO_SERVER, requests, pieces[i]);
		feed(play, HTTP_TO_CLIENT, answers, pieces[i]);
		check_out(play, HTTP_TO_SERVER, requests);
		check_out(play, HTTP_TO_CLIENT, answers);
		assert_string_equal(play->body, "def");
		assert_int_equal(play->n_scanned, 2);
		assert_int_equal(play->n_reported, 4);
		end(play);
	}
}

/* Not one byte of it before the verdict, and nothing behind it is looked at. */
static void test_late(void **state)
{
	struct play *play = begin(HTTP_WAIT);

	(void)state;
	feed(play, HTTP_TO_SERVER, GET("/1") GET("/2"), 0);
	feed(play, HTTP_TO_CLIENT, OK(3) "abc" OK(2) "de", 0);
	check_out(play, HTTP_TO_CLIENT, "");
	assert_int_equal(play->n_scanned, 1);
	assert_int_equal(play->n_reported, 0);
	http_conclude(play->http, HTTP_TO_CLIENT, true, NULL);
	drain(play, HTTP_TO_CLIENT);
	check_out(play, HTTP_TO_CLIENT, OK(3) "abc");
	assert_int_equal(play->n_scanned, 2);
	http_conclude(play->http, HTTP_TO_CLIENT, true, NULL);
	drain(play, HTTP_TO_CLIENT);
	check_out(play, HTTP_TO_CLIENT, OK(3) "abc" OK(2) "de");
	end(play);
}

static void check_page(const struct play *play, const char *before)
{
	const char *out = play->ways[HTTP_TO_CLIENT].out;

	assert_memory_equal(out, before, strlen(before));
	out += strlen(before);
	assert_memory_equal(out, "HTTP/1.1 403 ", 13);
	assert_string_equal(strstr(out, END END), END END "page");
}

static void test_refused_response(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct play *play = begin(HTTP_REFUSE);

		feed(play, HTTP_TO_SERVER, GET("/free") GET("/2") GET("/free"), pieces[i]);
		feed(play, HTTP_TO_CLIENT, OK(1) "x" OK(3) "abc" OK(2) "de", pieces[i]);
		check_page(play, OK(1) "x");
		assert_true(http_is_settled(play->http));
		feed(play, HTTP_TO_SERVER, GET("/free"), 0);
		check_out(play, HTTP_TO_SERVER, GET("/free") GET("/2") GET("/free"));
		end(play);
	}
}

static void test_refused_request(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct play *play = begin(HTTP_REFUSE);

		feed(play, HTTP_TO_SERVER, GET("/free") POST(3) "abc" GET("/free"), pieces[i]);
		check_out(play, HTTP_TO_SERVER, GET("/free"));
		assert_false(http_is_settled(play->http));
		feed(play, HTTP_TO_CLIENT, OK(1) "x", pieces[i]);
		read_on(play, HTTP_TO_CLIENT, 0);
		check_page(play, OK(1) "x");
		assert_true(http_is_settled(play->http));
		end(play);
	}
}

/* What is owed before a refused request is held, too, and the answer comes behind it. */
static void test_held_before_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct play *play = begin(HTTP_REFUSE);

		feed(play, HTTP_TO_SERVER, GET("/1") GET("/2") POST(3) "abc", pieces[i]);
		play->answer = HTTP_RELEASE;
		feed(play, HTTP_TO_CLIENT, OK(3) "abc" OK(3) "def", pieces[i]);
		read_on(play, HTTP_TO_CLIENT, 0);
		check_page(play, OK(3) "abc" OK(3) "def");
		end(play);
	}
}

/* The answer to a request that the server cannot know. */
static void test_unasked(void **state)
{
	struct play *play = begin(HTTP_WAIT);

	(void)state;
	feed(play, HTTP_TO_SERVER, POST(3) "abc", 0);
	feed(play, HTTP_TO_CLIENT, OK(1) "x", 0);
	assert_int_equal(play->http->anomaly, HTTP_UNSOLICITED);
	end(play);
}

static void test_too_large(void **state)
{
	char body[2 * MAX + 1], sized[4 * MAX], chunked[4 * MAX];

	(void)state;
	memset(body, 'x', 2 * MAX);
	body[2 * MAX] = '\0';
	snprintf(sized, sizeof(sized), OK(200) "%s", body);
	snprintf(chunked, sizeof(chunked), CHUNKED "c8" END "%s" END "0" END END, body);
	for (unsigned i = 0; i < 12; i++) {
		struct play *play = begin(HTTP_RELEASE);
		const char *answer = i % 2 ? sized : chunked;

		play->refuses = i >= 6;
		feed(play, HTTP_TO_SERVER, GET("/1") GET("/2"), 0);
		feed(play, HTTP_TO_CLIENT, answer, pieces[i / 2 % 3]);
		assert_int_equal(play->why, SCAN_TOO_LARGE);
		assert_int_equal(play->n_scanned, 0);
		if (play->refuses) {
			check_page(play, "");
		} else {
			feed(play, HTTP_TO_CLIENT, OK(1) "y", 0);
			assert_int_equal(play->n_scanned, 1);
			assert_int_equal(play->ways[HTTP_TO_CLIENT].n_out,
					 strlen(answer) + strlen(OK(1) "y"));
		}
		end(play);
	}
}

static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct play *play = begin(HTTP_RELEASE);

		play->budget.limit = 100;
		play->refuses = i == 1;
		feed(play, HTTP_TO_SERVER, GET("/1"), 0);
		feed(play, HTTP_TO_CLIENT, OK(3) "abc", 0);
		assert_int_equal(play->why, SCAN_NO_MEMORY);
		if (play->refuses)
			check_page(play, "");
		else
			check_out(play, HTTP_TO_CLIENT, OK(3) "abc");
		end(play);
	}
}

/* Half a body is never judged, nor let go; one that ends with the connection is whole. */
static void test_end(void **state)
{
	struct play *play = begin(HTTP_RELEASE);

	(void)state;
	feed(play, HTTP_TO_SERVER, GET("/1"), 0);
	feed(play, HTTP_TO_CLIENT, OK(5) "abc", 0);
	http_finish(play->http, HTTP_TO_CLIENT, 0);
	drain(play, HTTP_TO_CLIENT);
	check_out(play, HTTP_TO_CLIENT, "");
	assert_int_equal(play->n_scanned, 0);
	end(play);

	play = begin(HTTP_RELEASE);
	feed(play, HTTP_TO_SERVER, GET("/1"), 0);
	feed(play, HTTP_TO_CLIENT, "HTTP/1.1 200 OK" END END "abc", 0);
	assert_int_equal(play->n_scanned, 0);
	http_finish(play->http, HTTP_TO_CLIENT, 0);
	drain(play, HTTP_TO_CLIENT);
	check_out(play, HTTP_TO_CLIENT, "HTTP/1.1 200 OK" END END "abc");
	end(play);
}

/* Where it cannot be followed any more, what was held goes first. */
static void test_broken(void **state)
{
	static const char answer[] = CHUNKED "3" END "abc" END "zz" END "more";

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct play *play = begin(HTTP_RELEASE);

		feed(play, HTTP_TO_SERVER, GET("/1"), 0);
		feed(play, HTTP_TO_CLIENT, answer, pieces[i]);
		assert_int_equal(play->http->anomaly, HTTP_BAD_FRAMING);
		check_out(play, HTTP_TO_CLIENT, answer);
		end(play);
	}
}

/* The store grows by the double, keeps what is in it, and not beyond what all may hold. */
static void test_growth(void **state)
{
	struct held_budget budget = { .limit = 200000 };
	struct held held = { .budget = &budget };
	char text[1000];
	size_t n;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		memset(text, 'a' + (int)(i % 26), sizeof(text));
		assert_true(held_reserve(&held, sizeof(text)));
		held_put(&held.wire, text, sizeof(text));
	}
	assert_int_equal(budget.used, 131072);
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(held_body(&held, &n)[i], 'a' + (int)(i / 1000 % 26));
	assert_int_equal(n, 100000);
	assert_false(held_reserve(&held, 40000)); /* for a moment there would be both */
	assert_false(held_reserve(&held, 1000000));
	assert_int_equal(budget.used, 131072);
	held_replace(&held, NULL, 0);
	assert_int_equal(budget.used, 0);
	assert_int_equal(held.wire.n, 0);
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(scan_verdict_text(SCAN_NO_MEMORY), "no_memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_refused_response),
		cmocka_unit_test(test_refused_request),
		cmocka_unit_test(test_held_before_refused),
		cmocka_unit_test(test_unasked),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
