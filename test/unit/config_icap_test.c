/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the configuration says of bodies that are judged. */
#include "test/unit/cmocka_all.h"

#include <string.h>

#include "policy/load.h"

static void check_mistake(const char *text, const char *expected)
{
	static const char file[] = "/etc/postern/test.yaml:";
	struct config_error error = { 0 };
	struct config *config = NULL;

	assert_true(config_parse(text, strlen(text), "/etc/postern/test.yaml", &config, &error) <
		    0);
	error.text[strlen(file) + strlen(expected)] = '\0';
	assert_memory_equal(error.text, file, strlen(file));
	assert_string_equal(error.text + strlen(file), expected);
}

static void test_mistakes(void **state)
{
	(void)state;
	check_mistake("rules: [{block: {host: a, scan: true}}]",
		      "1: rules.block.scan: only a rule that intercepts may say this");
	check_mistake("rules: [{intercept: {host: a, scan: maybe}}]",
		      "1: rules.intercept.scan: expected true or false, got 'maybe'");
	check_mistake("rules: [{intercept: {scan: false}}]",
		      "1: rules: a rule without a condition");
	check_mistake("icap: {timeout: 1s}\nrules:\n  - pass: b\n"
		      "  - intercept: {host: a, scan: true}",
		      "4: rules.intercept.scan: there is no ICAP server (icap.url)");
	check_mistake("icap: {on_failure: open}", "1: icap.on_failure: expected pass or block");
	check_mistake("icap: {max_body: 0M}", "1: icap.max_body: expected a size from 1M to 4095M");
}

static void test_url(void **state)
{
	static const char *const no_urls[] = {
		"icap://av.example:1344/x",
		"icap://127.0.0.1/x",
		"icap://127.0.0.1:0/x",
		"icap://127.0.0.1:1344",
		"icap://127.0.0.1:1344/",
		"icap://127.0.0.1:1344/a\rb",
		"icap://127.0.0.1:1344/a b",
		"http://127.0.0.1:1344/x",
		"icap://unix:/x/y",
		"icap://none/x",
		"icap://",
	};
	char service[ICAP_URL_MAX + 1] = "icap://127.0.0.1:1344/";
	struct icap_url url;

	(void)state;
	for (unsigned i = 0; i < sizeof(no_urls) / sizeof(no_urls[0]); i++)
		assert_false(icap_url_read(no_urls[i], &url));
	memset(service + strlen(service), 'x', ICAP_URL_MAX - strlen(service));
	assert_false(icap_url_read(service, &url));
	service[ICAP_URL_MAX - 1] = '\0';
	assert_true(icap_url_read(service, &url));
	assert_true(icap_url_read("icap://[2001:db8::1]:1345/virus_scan?allow204=on", &url));
	assert_int_equal(addr_port(&url.addr), 1345);
	assert_int_equal(url.addr.sa.sa_family, AF_INET6);
	assert_string_equal(url.authority, "[2001:db8::1]:1345");
	check_mistake(
		"icap: {url: \"icap://127.0.0.1/x\"}",
		"1: icap.url: expected icap://ADDRESS:PORT/SERVICE, got 'icap://127.0.0.1/x'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
