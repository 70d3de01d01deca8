/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ICAP: what is written, and what is made of replies. */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/icap.h"

static enum icap_result read_text(const char *text, struct icap_reply *ret_reply)
{
	size_t n = 0;
	enum icap_result result = icap_read((const uint8_t *)text, strlen(text), ret_reply, &n);

	if (result == ICAP_WHOLE)
		assert_ptr_equal(text + n, strstr(text, "\r\n\r\n") + 4);
	return result;
}

static void test_options(void **state)
{
	struct icap_reply reply;

	(void)state;
	assert_int_equal(
		read_text("ICAP/1.0 200 OK\r\nMethods: RESPMOD,REQMOD\r\nallow: 206, 204\r\n"
			  "Preview: 1024\r\nOptions-TTL: 60\r\nMax-Connections: 7\r\n"
			  "Encapsulated: null-body=0\r\n\r\n",
			  &reply),
		ICAP_WHOLE);
	assert_int_equal(reply.status, 200);
	assert_false(reply.is_last);
	assert_true(reply.options.has_reqmod && reply.options.has_respmod);
	assert_true(reply.options.has_204 && reply.options.has_preview);
	assert_int_equal(reply.options.preview, 1024);
	assert_int_equal(reply.options.ttl, 60);
	assert_int_equal(reply.options.max_connections, 7);

	assert_int_equal(read_text("ICAP/1.0 200 OK\r\nMethods: XRESPMOD\r\nAllow: 2040\r\n"
				   "Preview: 99999999\r\n\r\n",
				   &reply),
			 ICAP_WHOLE);
	assert_false(reply.options.has_respmod || reply.options.has_204);
	assert_int_equal(reply.options.preview, ICAP_PREVIEW_MAX);
	assert_int_equal(
		read_text("ICAP/1.0 200 OK\r\nPreview: -1\r\nOptions-TTL: 4294967296\r\n\r\n",
			  &reply),
		ICAP_WHOLE);
	assert_false(reply.options.has_preview);
	assert_int_equal(reply.options.ttl, 0);
}

static void check_found(const char *fields, const char *found)
{
	struct icap_reply reply;
	char text[1024];

	snprintf(text, sizeof(text), "ICAP/1.0 200 OK\r\n%s\r\n", fields);
	assert_int_equal(read_text(text, &reply), ICAP_WHOLE);
	assert_string_equal(reply.found, found);
}

static void test_found(void **state)
{
	char name[300], fields[400];

	(void)state;
	check_found("", "");
	check_found("X-Infection-Found: Type=0; Resolution=2; Threat=Eicar;\r\n", "Eicar");
	check_found("X-Infection-Found: Type=0; Threat=Eicar\r\n", "Eicar");
	check_found("X-Infection-Found: something\r\n", "something");
	check_found("X-Virus-ID: Win.Test\r\n", "Win.Test");
	check_found("X-Infection-Found: Threat=A;\r\nX-Virus-ID: B\r\n", "A");
	check_found("X-Violations-Found: 1\r\n\tfile\r\n\tEicar\r\nX-Virus-ID: A\r\n", "A");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	snprintf(fields, sizeof(fields), "X-Virus-ID: %s\r\n", name);
	name[sizeof(((struct icap_reply *)NULL)->found) - 1] = '\0';
	check_found(fields, name);
}

/* Whatever is behind the head is not read, so the connection is of no more use. */
static void test_last(void **state)
{
	static const struct {
		const char *fields;
		bool is_last;
	} cases[] = {
		{ "", false },
		{ "Connection: keep-alive\r\n", false },
		{ "Connection: Close\r\n", true },
		{ "Connection: x, close\r\n", true },
		{ "Encapsulated: null-body=0\r\n", false },
		{ "Encapsulated: opt-body=0\r\n", true },
		{ "Encapsulated: res-hdr=0, res-body=19\r\n", true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct icap_reply reply;
		char text[200];

		snprintf(text, sizeof(text), "ICAP/1.0 204 OK\r\n%s\r\n", cases[i].fields);
		assert_int_equal(read_text(text, &reply), ICAP_WHOLE);
		assert_int_equal(reply.is_last, cases[i].is_last);
	}
}

static void test_broken(void **state)
{
	static const char *const broken[] = {
		"HTTP/1.1 204 OK\r\n\r\n",
		"ICAP/1.0  204 OK\r\n\r\n",
		"ICAP/1.0 20 OK\r\n\r\n",
		"ICAP/1.0 2040 OK\r\n\r\n",
		"ICAP/1.0 099 OK\r\n\r\n",
		"ICAP/1.0 204 O\rK\r\n\r\n",
		"ICAP/1.0 204 OK\nX: y\r\n\r\n",
		"ICAP/1.0 204 OK\r\nX\r\n\r\n",
		"ICAP/1.0 204 OK\r\nX : y\r\n\r\n",
		"ICAP/1.0 204 OK\r\n: y\r\n\r\n",
		"ICAP/1.0 204 OK\r\nX: \x01\r\n\r\n",
		"\r\n\r\n",
	};
	static const char whole[] = "ICAP/1.0 204 No\r\nISTag: x\r\n\r\n";
	struct icap_reply reply;
	char large[ICAP_REPLY_MAX];
	size_t n;

	(void)state;
	for (unsigned i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(read_text(broken[i], &reply), ICAP_BROKEN);
	for (n = 0; n < strlen(whole); n++)
		assert_int_equal(icap_read((const uint8_t *)whole, n, &reply, &(size_t){ 0 }),
				 ICAP_MORE);
	memset(large, 'x', sizeof(large));
	assert_int_equal(icap_read((uint8_t *)large, sizeof(large) - 1, &reply, &n), ICAP_MORE);
	assert_int_equal(icap_read((uint8_t *)large, sizeof(large), &reply, &n), ICAP_BROKEN);
}

static void check_question(const struct icap_question *question, const char *text)
{
	size_t n;
	char *written = icap_write_question(question, &n);

	assert_non_null(written);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(written, text, n);
	free(written);
}

/* The offsets are those of the heads as they are handed over, without what is left out. */
static void test_questions(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
				     "Set-Cookie: secret\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char request[] = "POST /up?a=b HTTP/1.1\r\nHost: www.example\r\n"
				      "Cookie: secret\r\nAuthorization: secret\r\n"
				      "Content-Length: 3\r\n\r\n";
	struct exchange exchange = { .method = "GET", .host = "www.example" };
	char target[] = "/a?b", options[ICAP_OPTIONS_MAX];
	struct icap_question question = { .url = "icap://127.0.0.1:1344/x",
					  .authority = "127.0.0.1:1344",
					  .client = "192.0.2.1",
					  .exchange = &exchange,
					  .head = (const uint8_t *)answer,
					  .n_head = strlen(answer) };

	(void)state;
	exchange.target = target;
	check_question(&question,
		       "RESPMOD icap://127.0.0.1:1344/x ICAP/1.0\r\nHost: 127.0.0.1:1344\r\n"
		       "User-Agent: postern\r\nAllow: 204\r\nX-Client-IP: 192.0.2.1\r\n"
		       "Encapsulated: req-hdr=0, res-hdr=59, res-body=103\r\n\r\n"
		       "GET https://www.example/a?b HTTP/1.1\r\nHost: www.example\r\n\r\n"
		       "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n");
	question.is_request = question.has_preview = true;
	question.preview = 3;
	question.head = (const uint8_t *)request;
	question.n_head = strlen(request);
	check_question(&question,
		       "REQMOD icap://127.0.0.1:1344/x ICAP/1.0\r\nHost: 127.0.0.1:1344\r\n"
		       "User-Agent: postern\r\nAllow: 204\r\nX-Client-IP: 192.0.2.1\r\n"
		       "Preview: 3\r\nEncapsulated: req-hdr=0, req-body=63\r\n\r\n"
		       "POST /up?a=b HTTP/1.1\r\nHost: www.example\r\nContent-Length: 3\r\n\r\n");
	assert_int_equal(icap_write_options(question.url, question.authority, options),
			 strlen("OPTIONS icap://127.0.0.1:1344/x ICAP/1.0\r\n"
				"Host: 127.0.0.1:1344\r\nUser-Agent: postern\r\n"
				"Encapsulated: null-body=0\r\n\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),   cmocka_unit_test(test_found),
		cmocka_unit_test(test_last),      cmocka_unit_test(test_broken),
		cmocka_unit_test(test_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
