/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The folder that all boxes of a fleet share: where it stands, and what may not be in it. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/keys.h"
#include "policy/load.h"

static char folder[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/postern_fleet_XXXXXX");
	return mkdtemp(folder) && chdir(folder) == 0 && mkdir("one", 0700) == 0 &&
			       mkdir("two", 0700) == 0 && mkdir("conf.d", 0700) == 0
		       ? 0
		       : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return chdir("/") == 0 ? system(command) : -1;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static struct config *load(const char *fleet)
{
	struct config_error error;
	struct config *config = NULL;

	if (config_load_fleet("main.yaml", fleet, &config, &error) < 0)
		fail_msg("%s", error.text);
	return config;
}

static unsigned line_of(const struct config *config, const char *host)
{
	struct subject subject = { .host = host };

	return ruleset_decide(config->rules, &subject).line;
}

static void check_mistake(const char *fleet, int code, const char *expected)
{
	struct config_error error;
	struct config *config = NULL;

	assert_int_equal(config_load_fleet("main.yaml", fleet, &config, &error), code);
	if (!strstr(error.text, expected))
		fail_msg("'%s' is not in '%s'", expected, error.text);
}

/* main.yaml, fleet, conf.d: a later one overrides a key and comes later with its rules. */
static void test_place(void **state)
{
	struct config *config;

	(void)state;
	write_file("main.yaml", "quic: allow\non_failure: open\nlearn: {ttl: 1h}\n"
				"rules: [{pass: a.example}]\n");
	write_file("one/policy.yaml", "quic: by-host\nlearn: {ttl: 2h}\n"
				      "rules:\n  - block: [a.example, b.example]\n"
				      "  - pass: {host_file: hosts.list}\n"
				      "upstream: {crls: lists}\n");
	write_file("one/hosts.list", "c.example\n");
	write_file("conf.d/local.yaml",
		   "\n\n\n\n\nlearn: {ttl: 3h}\nrules: [{intercept: [b.example, d.example]}]\n");
	assert_int_equal(symlink("one", "fleet"), 0);
	config = load(NULL);
	assert_int_equal(config->quic, QUIC_BY_HOST);
	assert_int_equal(config->on_failure, ON_FAILURE_OPEN);
	assert_int_equal(config->learn.ttl, 3 * 3600 * 1000);
	assert_int_equal(line_of(config, "a.example"), 4);
	assert_int_equal(line_of(config, "b.example"), 4);
	assert_int_equal(line_of(config, "c.example"), 5);
	assert_int_equal(line_of(config, "d.example"), 7);
	/* The link's end, so that another link changes nothing of what was read. */
	assert_non_null(strstr(config->upstream.crls, "/one/lists"));
	config_free(config);
}

static void test_another_folder(void **state)
{
	struct config *config;

	(void)state;
	write_file("main.yaml", "");
	write_file("one/policy.yaml", "quic: allow\n");
	write_file("two/policy.yaml", "quic: by-host\n");
	assert_int_equal(symlink("one", "fleet"), 0);
	config = load("two");
	assert_int_equal(config->quic, QUIC_BY_HOST);
	config_free(config);
	config = load("three"); /* there is none */
	assert_int_equal(config->quic, QUIC_REJECT);
	config_free(config);
}

static void test_mistakes(void **state)
{
	(void)state;
	write_file("main.yaml", "");
	assert_int_equal(symlink("one", "fleet"), 0);
	write_file("one/policy.yaml", "quic: allow\nlisten:\n  port: 1\n");
	check_mistake(NULL, -EINVAL,
		      "/one/policy.yaml:3: listen.port: is for each box to say, and may not stand "
		      "in the fleet's files");
	check_mistake("two/../one", -EINVAL, "/one/policy.yaml:3");
	write_file("one/policy.yaml", "bundle: {keys: mine.pub}\n");
	check_mistake(NULL, -EINVAL, "bundle.keys: is for each box to say");
	assert_int_equal(unlink("fleet"), 0);
	assert_int_equal(symlink("gone", "fleet"), 0);
	check_mistake(NULL, -ENOENT, "fleet: cannot be read: No such file or directory");
}

/* Nothing that says what a box is, and no key that could be about none. */
static void test_shared_keys(void **state)
{
	static const char *const own[] = { "listen.port",    "workers",     "user",
					   "ca.key",         "learn.store", "status_file",
					   "marks.listener", "bundle.keys", "log.level",
					   "state_dir" };
	static const char *const shared[] = { "default", "timeouts.hello", "tls.suites",
					      "ca.certificate", "upstream.trust_store" };

	(void)state;
	for (size_t i = 0; i < N_OF(own); i++)
		assert_false(key_is_shared(keys_find(own[i])));
	for (size_t i = 0; i < N_OF(shared); i++)
		assert_true(key_is_shared(keys_find(shared[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mistakes, set_up, tear_down),
		cmocka_unit_test(test_shared_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
