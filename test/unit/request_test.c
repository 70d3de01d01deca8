/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which requests may be sent again, and the answer that says so. */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn/request.h"

#define END "\r\n"
#define HOST "Host: www.example" END

static bool reads(const char *text)
{
	struct request request;

	return request_read(text, strlen(text), &request);
}

static void test_answer(void **state)
{
	static const char text[] = "GET /a/b?c=d&e=%20f HTTP/1.1" END "User-Agent: x" END
				   "hOST: \t WWW.example:8443 " END "Cookie:" END
				   "X-Name: \xc3\xa9\x80" END "!#$%&'*+-.^_`|~9: \"(),/" END END;
	char answer[REQUEST_REDIRECT_MAX];
	struct request request;
	size_t n;

	(void)state;
	assert_true(request_read(text, strlen(text), &request));
	assert_true(request_is_for(&request, "www.example"));
	n = request_redirect(&request, answer);
	assert_int_equal(n, strlen(answer));
	assert_string_equal(answer, "HTTP/1.1 307 Temporary Redirect" END
				    "Location: https://WWW.example:8443/a/b?c=d&e=%20f" END
				    "Cache-Control: no-store" END "Content-Length: 0" END
				    "Connection: close" END END);
}

static void test_methods(void **state)
{
	static const char *const good[] = { "GET", "HEAD", "OPTIONS" };
	static const char *const bad[] = { "POST", "PUT",  "DELETE",  "TRACE", "PATCH",
					   "get",  "GETX", "CONNECT", "",      "PRI" };
	char text[128];

	(void)state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "%s / HTTP/1.1" END HOST END, good[i]);
		assert_true(reads(text));
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "%s / HTTP/1.1" END HOST END, bad[i]);
		assert_false(reads(text));
	}
}

/* Each breaks one thing of a request that would do. */
static void test_others(void **state)
{
	static const char *const others[] = {
		"GET / HTTP/1.1" END HOST END "x", /* something behind it */
		"GET / HTTP/1.1" END HOST END "GET / HTTP/1.1" END HOST END,
		"GET / HTTP/1.1" END HOST "Content-Length: 1" END END "x",
		"GET / HTTP/1.1" END HOST "Content-Length: 0" END END,
		"GET / HTTP/1.1" END HOST "transfer-encoding: chunked" END END,
		"GET / HTTP/1.1" END HOST "Expect: 100-continue" END END,
		"GET / HTTP/1.1" END HOST "Upgrade: websocket" END END,
		"GET / HTTP/1.0" END HOST END,
		"GET / HTTP/1.10" END HOST END,
		"GET / http/1.1" END HOST END,
		"GET /" END HOST END,
		"GET  / HTTP/1.1" END HOST END,
		"GET /a b HTTP/1.1" END HOST END,
		"GET /\xc3\xa9 HTTP/1.1" END HOST END,
		"GET /\x01 HTTP/1.1" END HOST END,
		"GET /#a HTTP/1.1" END HOST END,
		"GET /\\evil.example HTTP/1.1" END HOST END,
		"GET * HTTP/1.1" END HOST END,
		"GET @evil.example/ HTTP/1.1" END HOST END,
		"GET https://www.example/ HTTP/1.1" END HOST END,
		"GET / HTTP/1.1" END END, /* hosts */
		"GET / HTTP/1.1" END HOST HOST END,
		"GET / HTTP/1.1" END "Host:" END END,
		"GET / HTTP/1.1" END "Host: a b" END END,
		"GET / HTTP/1.1" END "Host: user@www.example" END END,
		"GET / HTTP/1.1" END "Host: www.example:" END END,
		"GET / HTTP/1.1" END "Host: www.example:x" END END,
		"GET / HTTP/1.1" END "Host: www.example:123456" END END,
		"GET / HTTP/1.1" END "Host: :80" END END,
		"GET / HTTP/1.1" END "Host: [::1]" END END,
		"GET / HTTP/1.1" END "Host: www.example/" END END,
		"GET / HTTP/1.1" END "Host : www.example" END END, /* fields */
		"GET / HTTP/1.1" END " Host: www.example" END END,
		"GET / HTTP/1.1" END HOST "a: b" END " c" END END,
		"GET / HTTP/1.1" END HOST "a" END END,
		"GET / HTTP/1.1" END HOST ": a" END END,
		"GET / HTTP/1.1" END HOST "a(b): c" END END,
		"GET / HTTP/1.1" END HOST "a: \x01" END END,
		"GET / HTTP/1.1" END HOST "a: \x7f" END END,
		"GET / HTTP/1.1" END HOST "a: b\rc" END END, /* ends of lines */
		"GET / HTTP/1.1" END HOST "a: b\nContent-Length: 1" END END,
		"GET / HTTP/1.1\nHost: www.example\n\n",
		END "GET / HTTP/1.1" END HOST END,
	};
	static const char nul[] = "GET / HTTP/1.1" END HOST "a: \0" END END;
	struct request request;

	(void)state;
	assert_true(reads("GET / HTTP/1.1" END HOST END));
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (reads(others[i]))
			fail_msg("%u: %s", i, others[i]);
	assert_false(request_read(nul, sizeof(nul) - 1, &request));
	assert_false(request_read(NULL, 0, &request));
}

/* Only the whole of it. */
static void test_cut(void **state)
{
	static const char text[] = "GET /a HTTP/1.1" END HOST "Accept: */*" END END;
	struct request request;

	(void)state;
	for (size_t n = 0; n < strlen(text); n++) {
		char *copy = malloc(n + 1);

		memcpy(copy, text, n);
		assert_false(request_read(copy, n, &request));
		free(copy);
	}
	assert_true(reads(text));
}

static void test_largest(void **state)
{
	static char text[REQUEST_MAX + 2], answer[REQUEST_REDIRECT_MAX];
	struct request request;
	size_t n = REQUEST_MAX - strlen(" HTTP/1.1" END HOST END);

	(void)state;
	memset(text, 'a', n + 1);
	for (unsigned i = 0; i < 5; i++)
		text[i] = "GET /"[i];
	strcpy(text + n + 1, " HTTP/1.1" END HOST END);
	assert_false(request_read(text, REQUEST_MAX + 1, &request));
	strcpy(text + n, " HTTP/1.1" END HOST END);
	assert_true(request_read(text, REQUEST_MAX, &request));
	n = request_redirect(&request, answer);
	assert_int_equal(n, strlen(answer));
	assert_string_equal(answer + n - 4, END END);
}

static void test_status(void **state)
{
	static const struct {
		const char *text;
		unsigned status;
	} answers[] = {
		{ "HTTP/1.1 200 OK" END, 200 }, { "HTTP/1.0 403 No", 403 },
		{ "HTTP/1.1 400" END, 400 },    { "HTTP/1.1 401", 0 },
		{ "HTTP/2 200 OK" END, 0 },     { "http/1.1 200 OK", 0 },
		{ "HTTP/1.1 4003 ", 0 },        { "HTTP/1.1 40x no", 0 },
		{ "HTTP/1.1  400 no", 0 },      { "", 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		assert_int_equal(response_status(answers[i].text, strlen(answers[i].text)),
				 answers[i].status);
}

static void test_host(void **state)
{
	static const struct {
		const char *authority, *host;
		bool is_same;
	} cases[] = {
		{ "www.example", "www.example", true },
		{ "WWW.Example:443", "www.example", true },
		{ "www.example.org", "www.example", false },
		{ "www.exampl", "www.example", false },
		{ "ww.example", "www.example", false },
		{ "www.example", "", false },
		{ "www.example.", "www.example", false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request request = { .authority = cases[i].authority,
					   .authority_length = strlen(cases[i].authority) };

		assert_int_equal(request_is_for(&request, cases[i].host), cases[i].is_same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),  cmocka_unit_test(test_methods),
		cmocka_unit_test(test_others),  cmocka_unit_test(test_cut),
		cmocka_unit_test(test_largest), cmocka_unit_test(test_status),
		cmocka_unit_test(test_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
