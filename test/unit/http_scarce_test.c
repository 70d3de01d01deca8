/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP as it goes by, and memory that runs out at each place where some is needed. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "test/unit/http_play.h"
#include "test/unit/scarce.h"

#define END "\r\n"
#define REQUESTS "GET /a HTTP/1.1" END "Host: www.example" END END
#define ANSWERS "HTTP/1.1 200 OK" END "Content-Length: 2" END END "ok"

/* SETTINGS of each end, a request and its answer: literal fields that enter the tables. */
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define HEADERS(n) "\0\0" n "\1\5\0\0\0\1"
static const char frames_of_client[] = PREFACE SETTINGS HEADERS("\x2a") "@\7:method\3GET"
									"@\5:path\2/a"
									"@\12:authority\1w"
									"@\1x\1y";
static const char frames_of_server[] = SETTINGS HEADERS("\x0d") "@\7:status\3"
								"200";

static void test_new(void **state)
{
	static const struct http_hooks hooks = { .context = NULL };

	(void)state;
	for (enum http_version version = HTTP_1; version <= HTTP_2; version++) {
		bool has_failed = true;

		for (unsigned n = 1; has_failed; n++) {
			struct http *http = NULL;
			int r;

			scarce_begin(n);
			r = http_new(version, &hooks, &http);
			has_failed = scarce_end();
			assert_int_equal(r, has_failed ? -ENOMEM : 0);
			assert_int_equal(http == NULL, has_failed);
			http_free(http);
		}
	}
}

/*
 * By one byte at a time, so that nothing is whole when it comes. What cannot be followed without
 * memory is said, and what was refused is not let through for that.
 */
static bool check(enum http_version version, const char *refused, unsigned n)
{
	bool is_two = version == HTTP_2;
	struct play *p = play_new(version, refused);
	bool has_failed;

	scarce_begin(n);
	play(p, HTTP_TO_SERVER, is_two ? frames_of_client : REQUESTS,
	     is_two ? sizeof(frames_of_client) - 1 : strlen(REQUESTS), 1);
	if (!p->http->has_refused)
		play(p, HTTP_TO_CLIENT, is_two ? frames_of_server : ANSWERS,
		     is_two ? sizeof(frames_of_server) - 1 : strlen(ANSWERS), 1);
	has_failed = scarce_end();
	if (p->http->anomaly == HTTP_SOUND) {
		if (!refused)
			assert_string_equal(p->log, is_two ? "GET w /a 200 0/0;"
							   : "GET www.example /a 200 0/2;");
		else
			assert_true(p->http->has_refused);
	} else {
		assert_true(has_failed);
		assert_string_equal(http_anomaly_text(p->http->anomaly),
				    http_anomaly_text(HTTP_NO_MEMORY));
	}
	play_free(p);
	return has_failed;
}

static void test_exchange(void **state)
{
	static const char *const refused[] = { NULL, "/a" };

	(void)state;
	for (enum http_version version = HTTP_1; version <= HTTP_2; version++)
		for (unsigned i = 0; i < 2; i++)
			for (unsigned n = 1; check(version, refused[i], n); n++)
				;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_exchange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
