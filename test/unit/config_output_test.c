/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the configuration says of where events go. */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "policy/load.h"

static const char file[] = "/etc/postern/test.yaml";

static void test_each_key(void **state)
{
	static const char text[] =
		"log:\n"
		"  outputs:\n"
		"    - {file: a.json, max_size: 2M, keep: 3, events: [connection, http], sync: "
		"true}\n"
		"    - stdout\n"
		"    - journal:\n"
		"      events: alert\n"
		"      on_loss: stop\n"
		"    - {syslog: \"tcp:[::1]:601\", facility: local3, cee: true}\n"
		"    - {syslog: unix:/dev/log, format: rfc3164}\n"
		"    - {unix: /run/x, on_loss: continue}\n";
	const struct output_options *outputs;
	struct config_error error = { 0 };
	struct config *config;

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), file, &config, &error), 0);
	outputs = config->log.outputs;
	assert_int_equal(config->log.n_outputs, 6);
	assert_string_equal(outputs[0].target, "/etc/postern/a.json");
	assert_int_equal(outputs[0].max_size, 2 << 20);
	assert_int_equal(outputs[0].keep, 3);
	assert_int_equal(outputs[0].events, EVENT_BIT(EVENT_CONNECTION) | EVENT_BIT(EVENT_HTTP) |
						    EVENT_BIT(EVENT_LOST));
	assert_true(outputs[0].is_synced && !outputs[0].stops);
	assert_int_equal(outputs[1].kind, OUTPUT_STDOUT);
	assert_int_equal(outputs[1].events, EVENT_ALL);
	assert_int_equal(outputs[2].kind, OUTPUT_JOURNAL);
	assert_true(outputs[2].stops && !outputs[2].is_synced);
	assert_int_equal(outputs[3].transport, OUTPUT_BY_TCP);
	assert_string_equal(outputs[3].target, "::1");
	assert_string_equal(outputs[3].port, "601");
	assert_int_equal(outputs[3].facility, LOG_FAC(LOG_LOCAL3));
	assert_true(outputs[3].is_cee);
	assert_int_equal(outputs[4].transport, OUTPUT_BY_UNIX);
	assert_int_equal(outputs[4].format, OUTPUT_RFC3164);
	assert_int_equal(outputs[5].kind, OUTPUT_UNIX);
	assert_false(outputs[5].stops);
	config_free(config);
}

static void check_mistake(const char *output, const char *expected)
{
	struct config_error error = { 0 };
	struct config *config = NULL;
	char text[256], want[512];

	snprintf(text, sizeof(text), "log: {outputs: [%s]}", output);
	assert_true(config_parse(text, strlen(text), file, &config, &error) < 0);
	snprintf(want, sizeof(want), "%s:1: %s", file, expected);
	assert_string_equal(error.text, want);
}

static void test_mistakes(void **state)
{
	(void)state;
	check_mistake("{file: a, unix: b}", "log.outputs: 'file' and 'unix' are two outputs");
	check_mistake("{keep: 3}",
		      "log.outputs: expected one of file, stdout, journal, syslog and unix");
	check_mistake("file", "log.outputs: expected an output such as 'file: /PATH', stdout or "
			      "journal, got 'file'");
	check_mistake("{stdout: x}", "log.outputs.stdout: expected nothing, got text");
	check_mistake("{unix: a, keep: 3}", "log.outputs.keep: unix has no such key");
	check_mistake("{journal: , sync: true}", "log.outputs.sync: journal has no such key");
	check_mistake("{file: a, keeps: 3}",
		      "log.outputs.keeps: unknown key, did you mean 'keep'?");
	check_mistake("{file: a, keep: 0}",
		      "log.outputs.keep: expected a number from 1 to 1000, got '0'");
	check_mistake("{file: a, max_size: 1k}",
		      "log.outputs.max_size: expected a size from 1M, such as 100M, got '1k'");
	check_mistake("{file: a, events: [alert, alarm]}",
		      "log.outputs.events: expected a kind of event, got 'alarm'");
	check_mistake("{file: a, sync: yes}",
		      "log.outputs.sync: expected true or false, got 'yes'");
	check_mistake("{file: a, on_loss: block}",
		      "log.outputs.on_loss: expected stop or continue, got 'block'");
	check_mistake("{syslog: /dev/log}",
		      "log.outputs.syslog: expected unix:/PATH, tcp:HOST:PORT "
		      "or udp:HOST:PORT, got '/dev/log'");
	check_mistake("{syslog: tcp:host}",
		      "log.outputs.syslog: expected unix:/PATH, tcp:HOST:PORT "
		      "or udp:HOST:PORT, got 'tcp:host'");
	check_mistake("{syslog: unix:/dev/log, facility: local8}",
		      "log.outputs.facility: expected a facility of syslog, such as daemon or "
		      "local0, got 'local8'");
	check_mistake("{syslog: unix:/dev/log, format: bsd}",
		      "log.outputs.format: expected rfc5424 or rfc3164, got 'bsd'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_key),
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
