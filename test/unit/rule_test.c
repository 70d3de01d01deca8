/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/load.h"
#include "policy/urlpath.h"

static struct config *load(const char *text)
{
	struct config_error error;
	struct config *config = NULL;

	if (config_parse(text, strlen(text), "test.yaml", &config, &error) < 0)
		fail_msg("%s", error.text);
	return config;
}

static struct verdict decide(const struct config *config, const char *host, const char *server,
			     uint16_t port, const char *client)
{
	struct subject subject = { .host = host };

	assert_true(addr_parse(server, port, &subject.server));
	assert_true(addr_parse(client, 40000, &subject.client));
	return ruleset_decide(config->rules, &subject);
}

static void check(const struct config *config, const char *host, enum action action, unsigned line)
{
	struct verdict verdict = decide(config, host, "192.0.2.1", 443, "10.0.0.1");

	assert_string_equal(action_text(verdict.action), action_text(action));
	assert_int_equal(verdict.line, line);
	if (line > 0)
		assert_string_equal(verdict.file, "test.yaml");
	else
		assert_null(verdict.file);
}

static void test_seed(void **state)
{
	struct config *config = load("rules:\n"
				     "  - pass: .gov\n"
				     "  - pass: .mil\n");

	(void)state;
	check(config, "login.gov", ACTION_PASS, 2);
	check(config, "gov", ACTION_PASS, 2);
	check(config, "www.army.mil", ACTION_PASS, 3);
	check(config, "gov.example", ACTION_INTERCEPT, 0);
	check(config, "", ACTION_INTERCEPT, 0);
	config_free(config);
}

static void test_first_match_decides(void **state)
{
	struct config *config = load("default: block\n"
				     "rules:\n"
				     "  - intercept: www.example\n"
				     "  - pass: {server: 198.51.100.0/24}\n"
				     "  - block: [\"*.ads.example\", \"www.example\"]\n"
				     "  - pass: .example\n"
				     "  - pass: {port: 443, client: 10.0.0.9}\n");

	(void)state;
	check(config, "www.example", ACTION_INTERCEPT, 3);
	check(config, "x.ads.example", ACTION_BLOCK, 5);
	check(config, "ads.example", ACTION_PASS, 6);
	check(config, "other.test", ACTION_BLOCK, 0);
	assert_int_equal(decide(config, "x.ads.example", "198.51.100.7", 443, "10.0.0.1").line, 4);
	assert_int_equal(decide(config, "www.example", "198.51.100.7", 443, "10.0.0.1").line, 3);
	assert_int_equal(decide(config, "x.ads.example", "192.0.2.1", 443, "10.0.0.9").line, 5);
	assert_int_equal(decide(config, "", "192.0.2.1", 443, "10.0.0.9").line, 7);
	config_free(config);
}

static bool is_captured(const struct config *config, const char *host, const char *client)
{
	return decide(config, host, "192.0.2.1", 443, client).is_captured;
}

/* The rule that decides says it, too; where it does not, or none decides, the default does. */
static void test_captures(void **state)
{
	static const char rules[] =
		"rules:\n"
		"  - intercept: {host: .example, capture: true}\n"
		"  - intercept: {host: secret.test, capture: false}\n"
		"  - intercept: {client: 10.0.0.9, host: .test, capture: true}\n"
		"  - intercept: silent.test\n";
	struct config *config = load(rules);

	(void)state;
	assert_true(is_captured(config, "www.example", "10.0.0.1"));
	assert_false(is_captured(config, "secret.test", "10.0.0.9"));
	assert_true(is_captured(config, "silent.test", "10.0.0.9"));
	assert_false(is_captured(config, "silent.test", "10.0.0.1"));
	assert_false(is_captured(config, "other.test", "10.0.0.1"));
	assert_false(is_captured(config, "", "10.0.0.1"));
	config_free(config);
	config = load("capture: {default: true}\n"
		      "rules:\n"
		      "  - intercept: {host: secret.test, capture: false}\n"
		      "  - intercept: silent.test\n");
	assert_false(is_captured(config, "secret.test", "10.0.0.1"));
	assert_true(is_captured(config, "silent.test", "10.0.0.1"));
	assert_true(is_captured(config, "", "10.0.0.1"));
	config_free(config);
}

static bool is_scanned(const struct config *config, const char *host)
{
	return decide(config, host, "192.0.2.1", 443, "10.0.0.1").is_scanned;
}

static void test_scans(void **state)
{
	static const char url[] = "icap: {url: \"icap://127.0.0.1:1344/x\"%s}\n"
				  "rules:\n"
				  "  - intercept: {host: a.test, scan: true, capture: true}\n"
				  "  - intercept: {host: b.test, scan: false}\n";
	struct config *config;
	char text[300];

	(void)state;
	snprintf(text, sizeof(text), url, "");
	config = load(text);
	assert_true(is_scanned(config, "a.test"));
	assert_false(is_scanned(config, "b.test"));
	assert_true(is_scanned(config, "c.test"));
	config_free(config);
	snprintf(text, sizeof(text), url, ", default: false");
	config = load(text);
	assert_true(is_scanned(config, "a.test"));
	assert_true(is_captured(config, "a.test", "10.0.0.1"));
	assert_false(is_scanned(config, "c.test"));
	config_free(config);
	config = load("rules:\n  - intercept: {host: a.test, scan: false}\n");
	assert_false(is_scanned(config, "a.test"));
	assert_false(is_scanned(config, "c.test"));
	config_free(config);
}

static void test_conditions_are_anded(void **state)
{
	struct config *config = load("rules:\n"
				     "  - pass:\n"
				     "      host: [.bank.example, bank.test]\n"
				     "      server: [192.0.2.0/24, \"2001:db8::/32\"]\n"
				     "      client: 10.9.0.0/16\n"
				     "      port: [443, 8443]\n");

	(void)state;
	assert_int_equal(decide(config, "a.bank.example", "192.0.2.1", 443, "10.9.1.1").line, 2);
	assert_int_equal(decide(config, "bank.test", "2001:db8::1", 8443, "10.9.1.1").line, 2);
	assert_null(decide(config, "a.bank.test", "192.0.2.1", 443, "10.9.1.1").file);
	assert_null(decide(config, "bank.test", "192.0.3.1", 443, "10.9.1.1").file);
	assert_null(decide(config, "bank.test", "192.0.2.1", 444, "10.9.1.1").file);
	assert_null(decide(config, "bank.test", "192.0.2.1", 443, "10.8.1.1").file);
	assert_null(decide(config, "", "192.0.2.1", 443, "10.9.1.1").file);
	config_free(config);
}

/* The first rule that names the host need not be the one whose conditions hold. */
static void test_conditions_fall_through(void **state)
{
	struct config *config = load("rules:\n"
				     "  - pass: {host: a.example, port: 8443}\n"
				     "  - block: {host: .example, port: 993}\n"
				     "  - intercept: {host: a.example, port: [443, 993]}\n"
				     "  - pass: \"*\"\n");

	(void)state;
	assert_int_equal(decide(config, "a.example", "192.0.2.1", 8443, "10.0.0.1").line, 2);
	assert_int_equal(decide(config, "a.example", "192.0.2.1", 993, "10.0.0.1").line, 3);
	assert_int_equal(decide(config, "a.example", "192.0.2.1", 443, "10.0.0.1").line, 4);
	assert_int_equal(decide(config, "a.example", "192.0.2.1", 80, "10.0.0.1").line, 5);
	assert_null(decide(config, "", "192.0.2.1", 80, "10.0.0.1").file);
	config_free(config);
}

static struct foresight foresee(const struct config *config, const char *server, const char *client)
{
	union addr ends[2];

	assert_true(addr_parse(server, 443, &ends[0]));
	assert_true(addr_parse(client, 40000, &ends[1]));
	return ruleset_foresee(config->rules, &ends[1], &ends[0]);
}

static void check_certain(struct foresight foresight, enum action action)
{
	assert_true(foresight.is_certain);
	assert_string_equal(action_text(foresight.action), action_text(action));
}

static void test_foresight(void **state)
{
	struct config *config = load("rules:\n"
				     "  - pass: {server: 198.51.100.0/24}\n"
				     "  - pass: {server: 203.0.113.0/24, port: 8443}\n"
				     "  - block: {host: .example, server: 192.0.2.0/24}\n"
				     "  - pass: {client: 10.9.0.0/16}\n"
				     "  - pass: {server: 192.0.2.0/24}\n");
	struct foresight foresight;

	(void)state;
	foresight = foresee(config, "198.51.100.7", "10.0.0.1");
	check_certain(foresight, ACTION_PASS);
	assert_true(foresight.holds_for_all_clients); /* later rules are never asked */
	/* A name may block it. */
	assert_false(foresee(config, "192.0.2.7", "10.0.0.1").is_certain);
	assert_false(foresee(config, "192.0.2.7", "10.9.0.1").is_certain);
	foresight = foresee(config, "203.0.113.1", "10.9.0.1");
	check_certain(foresight, ACTION_PASS);
	assert_false(foresight.holds_for_all_clients);
	foresight = foresee(config, "203.0.113.1", "10.0.0.1"); /* another port's rule */
	check_certain(foresight, ACTION_INTERCEPT);
	assert_false(foresight.holds_for_all_clients);
	config_free(config);
}

/* Names that want what would come anyway change nothing. */
static void test_foresight_of_one_mind(void **state)
{
	struct config *config = load("default: pass\n"
				     "rules:\n"
				     "  - pass: a.example\n"
				     "  - intercept: {host: .test, server: 192.0.2.0/24}\n");

	(void)state;
	check_certain(foresee(config, "198.51.100.7", "10.0.0.1"), ACTION_PASS);
	assert_false(foresee(config, "192.0.2.7", "10.0.0.1").is_certain);
	config_free(config);
}

/* A rule with a path opens the connection, and decides on each request inside. */
static void check_request(const struct config *config, const char *host, const char *target,
			  enum action action, unsigned line)
{
	struct subject subject = { .host = host };
	struct urlpath path;
	struct verdict verdict;

	assert_true(addr_parse("192.0.2.1", 443, &subject.server));
	assert_true(addr_parse("10.0.0.1", 40000, &subject.client));
	urlpath_read(target, strlen(target), &path);
	verdict = ruleset_decide_request(config->rules, &subject, &path);
	assert_string_equal(action_text(verdict.action), action_text(action));
	assert_int_equal(verdict.line, line);
}

static void test_paths(void **state)
{
	struct config *config = load("default: pass\n"
				     "rules:\n"
				     "  - intercept: {host: a.example, path: /admin/help}\n"
				     "  - block: {host: .a.example, path: [/admin, '/*.exe']}\n"
				     "  - block: {host: '*', path: /, client: 10.0.0.9}\n"
				     "  - block: b.example\n");
	struct subject subject = { .host = "c.example" };

	(void)state;
	check(config, "a.example", ACTION_INTERCEPT, 3);
	check(config, "www.a.example", ACTION_INTERCEPT, 4);
	check(config, "b.example", ACTION_BLOCK, 6);
	check(config, "c.example", ACTION_PASS, 0);
	check_request(config, "a.example", "/admin/help/me", ACTION_INTERCEPT, 3);
	check_request(config, "a.example", "/admin/help/..;/x", ACTION_BLOCK, 4);
	check_request(config, "a.example", "/x/%2e%2e/admin", ACTION_BLOCK, 4);
	check_request(config, "a.example", "/x.EXE?y", ACTION_BLOCK, 4);
	check_request(config, "a.example", "/x", ACTION_PASS, 0);
	check_request(config, "b.example", "/x", ACTION_BLOCK, 6);
	assert_true(ruleset_has_paths(config->rules));
	assert_true(addr_parse("192.0.2.1", 443, &subject.server));
	assert_true(addr_parse("10.0.0.1", 40000, &subject.client));
	assert_false(ruleset_has_paths_for(config->rules, &subject));
	assert_true(addr_parse("10.0.0.9", 40000, &subject.client));
	assert_true(ruleset_has_paths_for(config->rules, &subject));
	config_free(config);
}

/* The gate must not pass, or block, a server of which a path may have to be seen. */
static void test_paths_foreseen(void **state)
{
	struct config *config = load("default: pass\n"
				     "rules: [{block: {host: a.example, path: /x}}]\n");
	union addr client, server;

	(void)state;
	assert_true(addr_parse("10.0.0.1", 40000, &client));
	assert_true(addr_parse("192.0.2.1", 443, &server));
	assert_false(ruleset_foresee(config->rules, &client, &server).is_certain);
	config_free(config);
	config = load("rules: [{block: {host: a.example, path: /x}}]\n");
	assert_true(ruleset_foresee(config->rules, &client, &server).is_certain);
	assert_int_equal(ruleset_foresee(config->rules, &client, &server).action, ACTION_INTERCEPT);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_first_match_decides),
		cmocka_unit_test(test_captures),
		cmocka_unit_test(test_scans),
		cmocka_unit_test(test_conditions_are_anded),
		cmocka_unit_test(test_conditions_fall_through),
		cmocka_unit_test(test_foresight),
		cmocka_unit_test(test_foresight_of_one_mind),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_paths_foreseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
