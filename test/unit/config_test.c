/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/authorities.h"
#include "policy/keys.h"
#include "policy/load.h"

/* --- files of a test ------------------------------------------------------------------------- */

static char folder[64]; /* with a slash at the end */

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/postern_config_XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	strcat(folder, "/");
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command);
}

static const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s%s", folder, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(in_folder(name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static struct config *load_main(void)
{
	struct config_error error;
	struct config *config = NULL;

	if (config_load(in_folder("main.yaml"), &config, &error) < 0)
		fail_msg("%s", error.text);
	return config;
}

static struct config *parse(const char *text)
{
	struct config_error error;
	struct config *config = NULL;

	if (config_parse(text, strlen(text), "/etc/postern/test.yaml", &config, &error) < 0)
		fail_msg("%s", error.text);
	return config;
}

/* What is said about main.yaml, without the folder in front. */
static void check_load_error(int code, const char *expected)
{
	struct config *config = NULL;
	struct config_error error;

	assert_int_equal(config_load(in_folder("main.yaml"), &config, &error), code);
	assert_null(config);
	assert_memory_equal(error.text, folder, strlen(folder));
	assert_string_equal(error.text + strlen(folder), expected);
}

static struct verdict decide(const struct config *config, const char *host)
{
	struct subject subject = { .host = host };

	assert_true(addr_parse("192.0.2.1", 443, &subject.server));
	assert_true(addr_parse("10.0.0.1", 40000, &subject.client));
	return ruleset_decide(config->rules, &subject);
}

/* --- what is right --------------------------------------------------------------------------- */

static void check_defaults(const struct config *config)
{
	char text[ADDR_TEXT_MAX];

	assert_string_equal(addr_text(&config->listen.ipv4, text), "0.0.0.0");
	assert_string_equal(addr_text(&config->listen.ipv6, text), "::");
	assert_int_equal(addr_port(&config->listen.ipv4), 8443);
	assert_int_equal(addr_port(&config->listen.ipv6), 8443);
	assert_int_equal(config->workers, 0);
	assert_string_equal(config->user, "postern");
	assert_string_equal(config->state_dir, "/var/lib/postern");
	assert_false(config->core_dumps);
	assert_int_equal(config->source, SOURCE_APPLIANCE);
	assert_int_equal(config->mark_listener, 0x80);
	assert_int_equal(config->mark_upstream, 0x40);
	assert_int_equal(config->max_connections, 20000);
	assert_string_equal(config->ca.key, "/etc/postern/ca.key");
	assert_string_equal(config->ca.untrusted_key, "");
	assert_string_equal(config->certgen.program, "");
	assert_int_equal(config->certgen.max_lifetime, 22 * 3600000);
	assert_int_equal(config->certgen.rate, 500);
	assert_int_equal(config->certgen.per_client, 1000);
	assert_int_equal(config->audit.on_failure, ON_UNRECORDED_STOP);
	assert_int_equal(config->fallback, ACTION_INTERCEPT);
	assert_int_equal(decide(config, "any.example").action, ACTION_INTERCEPT);
	assert_int_equal(config->hello.not_tls, ACTION_PASS);
	assert_int_equal(config->hello.malformed, ACTION_BLOCK);
	assert_int_equal(config->hello.no_sni, ACTION_INTERCEPT);
	assert_int_equal(config->upstream.invalid, ON_INVALID_BLOCK);
	assert_true(config->downstream.tickets);
	assert_false(config->downstream.greet_early);
	assert_true(config->upstream.resumption);
	assert_false(config->tls.kernel);
	assert_int_equal(config->client_certificate.requested, ACTION_PASS);
	assert_int_equal(config->on_failure, ON_FAILURE_CLOSED);
	assert_int_equal(config->learn.ttl, 12 * 3600000);
	assert_int_equal(config->timeouts.silent, 3000);
	assert_int_equal(config->timeouts.pass_idle, 3600000);
	assert_int_equal(config->timeouts.pass_total, 0);
	assert_int_equal(config->on_reload, ON_RELOAD_KEEP);
	assert_int_equal(config->timeouts.refuse, 2000);
	assert_int_equal(config->log.n_outputs, 1);
	assert_int_equal(config->log.outputs[0].kind, OUTPUT_STDOUT);
	assert_int_equal(config->log.outputs[0].events, EVENT_ALL);
	assert_int_equal(config->log.queue, 8 << 20);
	assert_string_equal(config->log.level, "info");
}

static void test_nothing_written(void **state)
{
	static const char *const texts[] = { "", "# only a comment\n", "---\n",
					     "rules:\ntimeouts:\n", "~" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config *config = parse(texts[i]);

		check_defaults(config);
		config_free(config);
	}
}

static void test_every_kind(void **state)
{
	struct config *config = parse("listen: {ipv4: 192.0.2.1, ipv6: none, port: 443}\n"
				      "workers: 3\n"
				      "user: \"\"\n"
				      "state_dir: state\n"
				      "core_dumps: true\n"
				      "source: client\n"
				      "marks: {listener: 256, upstream: 0xA000}\n"
				      "ca:\n"
				      "  certificate: ../ca.crt\n"
				      "  untrusted_certificate: un.crt\n"
				      "  untrusted_key: /un.key\n"
				      "upstream: {invalid: mirror, resumption: false}\n"
				      "downstream: {tickets: false, greet_early: true}\n"
				      "tls: {kernel: true}\n"
				      "default: pass\n"
				      "hello: {no_sni: block}\n"
				      "on_failure: open\n"
				      "on_reload: end\n"
				      "timeouts: {pass_total: 8h, silent: 500ms, hello: 7s, idle: "
				      "10m, greet: 12h, linger: 2d}\n"
				      "log: {outputs: [file: events.json], level: debug}\n");

	(void)state;
	assert_int_equal(config->listen.ipv4.sa.sa_family, AF_INET);
	assert_int_equal(addr_port(&config->listen.ipv4), 443);
	assert_int_equal(config->listen.ipv6.sa.sa_family, AF_UNSPEC);
	assert_int_equal(config->workers, 3);
	assert_string_equal(config->user, "");
	assert_string_equal(config->state_dir, "/etc/postern/state");
	assert_true(config->core_dumps);
	assert_int_equal(config->source, SOURCE_CLIENT);
	assert_int_equal(config->mark_listener, 256);
	assert_int_equal(config->mark_upstream, 0xa000);
	assert_string_equal(config->ca.certificate, "/etc/postern/../ca.crt");
	assert_string_equal(config->ca.untrusted_certificate, "/etc/postern/un.crt");
	assert_string_equal(config->ca.untrusted_key, "/un.key");
	assert_int_equal(config->upstream.invalid, ON_INVALID_MIRROR);
	assert_false(config->downstream.tickets);
	assert_true(config->downstream.greet_early);
	assert_false(config->upstream.resumption);
	assert_true(config->tls.kernel);
	assert_int_equal(decide(config, "any.example").action, ACTION_PASS);
	assert_int_equal(config->hello.no_sni, ACTION_BLOCK);
	assert_int_equal(config->on_failure, ON_FAILURE_OPEN);
	assert_int_equal(config->on_reload, ON_RELOAD_END);
	assert_int_equal(config->timeouts.pass_total, 8 * 3600000);
	assert_int_equal(config->timeouts.silent, 500);
	assert_int_equal(config->timeouts.hello, 7000);
	assert_int_equal(config->timeouts.idle, 600000);
	assert_int_equal(config->timeouts.greet, 12 * 3600000);
	assert_int_equal(config->timeouts.linger, 2 * 86400000);
	assert_string_equal(config->log.outputs[0].target, "/etc/postern/events.json");
	assert_string_equal(config->log.level, "debug");
	config_free(config);
}

static void test_drop_ins(void **state)
{
	struct config *config;
	struct verdict verdict;

	(void)state;
	write_file("main.yaml",
		   "workers: 1\ntimeouts: {hello: 1s, dial: 2s}\nrules:\n  - pass: a.example\n");
	assert_int_equal(mkdir(in_folder("conf.d"), 0700), 0);
	write_file("conf.d/20.yaml",
		   "workers: 3\nrules: [{block: b.example}, {block: a.example}]\n");
	write_file("conf.d/10.yaml",
		   "workers: 2\ntimeouts:\n  hello: 9s\nrules: [{intercept: b.example}]\n"
		   "state_dir: x\n");
	write_file("conf.d/.hidden.yaml", "nonsense");
	write_file("conf.d/30.yaml.bak", "nonsense");
	config = load_main();
	assert_int_equal(config->workers, 3);
	assert_int_equal(config->timeouts.hello, 9000);
	assert_int_equal(config->timeouts.dial, 2000);
	assert_string_equal(config->state_dir, in_folder("conf.d/x"));
	assert_int_equal(decide(config, "a.example").action, ACTION_PASS);
	verdict = decide(config, "b.example");
	assert_int_equal(verdict.action, ACTION_INTERCEPT);
	assert_string_equal(verdict.file, in_folder("conf.d/10.yaml"));
	assert_int_equal(verdict.line, 4);
	config_free(config);
}

static void test_host_file(void **state)
{
	struct config *config;

	(void)state;
	write_file("main.yaml",
		   "rules:\n"
		   "  - pass: {host: one.example, host_file: [banks.list, empty.list]}\n"
		   "  - block: {host_file: empty.list}\n");
	write_file("banks.list",
		   "# banks\r\n\r\n.bank.example\r\n  *.fund.example # below\n\nlast.example");
	write_file("empty.list", "");
	config = load_main();
	assert_int_equal(decide(config, "one.example").line, 2);
	assert_int_equal(decide(config, "www.bank.example").line, 2);
	assert_int_equal(decide(config, "a.fund.example").line, 2);
	assert_int_equal(decide(config, "last.example").line, 2);
	assert_null(decide(config, "fund.example").file);
	assert_null(decide(config, "banks").file);
	assert_null(decide(config, "").file); /* an empty list is not "everything" */
	config_free(config);
}

static void test_authorities(void **state)
{
	struct config *config;

	(void)state;
	write_file("main.yaml", "client_certificate: {authorities: cards.list}\n");
	write_file("cards.list", "# whose cards we know\r\n\r\n  CN=B,O=Example \nCN=a#1");
	config = load_main();
	assert_true(authorities_have(config->authorities, "CN=B,O=Example"));
	assert_true(authorities_have(config->authorities, "CN=a#1"));
	assert_false(authorities_have(config->authorities, "CN=A#1"));
	assert_false(authorities_have(config->authorities, "CN=B"));
	assert_false(authorities_have(config->authorities, ""));
	config_free(config);
	write_file("cards.list", "");
	config = load_main();
	assert_non_null(config->authorities); /* an empty list is not "any" */
	assert_false(authorities_have(config->authorities, "CN=B,O=Example"));
	config_free(config);
	write_file("main.yaml", "");
	config = load_main();
	assert_null(config->authorities);
	config_free(config);
}

static void test_aliases(void **state)
{
	struct config *config = parse("rules:\n"
				      "  - pass: &ours [.a.example, .b.example]\n"
				      "  - block: {host: *ours}\n");

	(void)state;
	assert_int_equal(decide(config, "x.b.example").line, 2);
	config_free(config);
}

/* --- what is wrong --------------------------------------------------------------------------- */

static const struct {
	const char *text, *error;
} mistakes[] = {
	/* values */
	{ "timeouts:\n  hello: abc\n",
	  "2: timeouts.hello: expected a duration such as 5s, got 'abc'" },
	{ "timeouts: {hello: 5}", "1: timeouts.hello: expected a duration such as 5s, got '5'" },
	{ "timeouts: {hello: -5s}",
	  "1: timeouts.hello: expected a duration such as 5s, got '-5s'" },
	{ "timeouts: {hello: 5 s}",
	  "1: timeouts.hello: expected a duration such as 5s, got '5 s'" },
	{ "timeouts: {hello: 0s}",
	  "1: timeouts.hello: expected a duration from 1ms to 365d, got '0s'" },
	{ "timeouts: {hello: 366d}",
	  "1: timeouts.hello: expected a duration from 1ms to 365d, got '366d'" },
	{ "timeouts: {pass_total: 0s}",
	  "1: timeouts.pass_total: expected a duration from 1ms to 365d or none, got '0s'" },
	{ "timeouts: {hello: none}",
	  "1: timeouts.hello: expected a duration such as 5s, got 'none'" },
	{ "timeouts: {hello: 99999999999999999999s}",
	  "1: timeouts.hello: expected a duration such as 5s, got '99999999999999999999s'" },
	{ "timeouts: {hello: 18446744073709551615d}",
	  "1: timeouts.hello: expected a duration such as 5s, got '18446744073709551615d'" },
	{ "core_dumps: yes", "1: core_dumps: expected true or false, got 'yes'" },
	{ "listen: {port: 0}", "1: listen.port: expected a number from 1 to 65535, got '0'" },
	{ "listen: {port: 65536}",
	  "1: listen.port: expected a number from 1 to 65535, got '65536'" },
	{ "listen: {port: 0x50}", "1: listen.port: expected a number from 1 to 65535, got '0x50'" },
	{ "listen: {ipv4: \"::1\"}",
	  "1: listen.ipv4: expected an IPv4 address or none, got '::1'" },
	{ "listen: {ipv6: localhost}",
	  "1: listen.ipv6: expected an IPv6 address or none, got 'localhost'" },
	{ "marks: {listener: 0}",
	  "1: marks.listener: expected a mark from 1 to 0xffffffff such as 0x80, got '0'" },
	{ "marks: {upstream: 0x100000000}", "1: marks.upstream: expected a mark from 1 to "
					    "0xffffffff such as 0x80, got '0x100000000'" },
	{ "marks: {upstream: 0x}",
	  "1: marks.upstream: expected a mark from 1 to 0xffffffff such as 0x80, got '0x'" },
	{ "marks: {upstream: 8f}",
	  "1: marks.upstream: expected a mark from 1 to 0xffffffff such as 0x80, got '8f'" },
	{ "default: allow", "1: default: expected pass, intercept or block, got 'allow'" },
	{ "hello: {not_tls: intercept}",
	  "1: hello.not_tls: expected pass or block, got 'intercept'" },
	{ "source: Client", "1: source: expected appliance or client, got 'Client'" },
	{ "log: {level: loud}",
	  "1: log.level: expected error, warning, info or debug, got 'loud'" },
	{ "user: a b", "1: user: expected a user name of at most 63 characters, got 'a b'" },
	{ "ca: {key: \"\"}", "1: ca.key: expected a path of at most 511 characters, got ''" },
	{ "ca: {key: \"a\\0b\"}", "1: ca.key: expected a path of at most 511 characters, got a "
				  "text with a zero byte in it" },
	{ "workers: \"1\\n2\"", "1: workers: expected a number from 0 to 1024, got '1?2'" },

	/* keys */
	{ "\ntimeouts:\n  helo: 5s\n",
	  "3: timeouts.helo: unknown key, did you mean 'timeouts.hello'?" },
	{ "timeout: {hello: 5s}", "1: timeout: unknown key, did you mean 'timeouts'?" },
	{ "rule: []", "1: rule: unknown key, did you mean 'rules'?" },
	{ "wrokers: 2", "1: wrokers: unknown key, did you mean 'workers'?" },
	{ "colour: red", "1: colour: unknown key" },
	{ "log: {x: red}", "1: log.x: unknown key" },
	{ "timeouts.helo: 5s", "1: timeouts.helo: unknown key, did you mean 'timeouts.hello'?" },
	{ "workers: 1\nuser: a\nworkers: 1\n", "3: workers: stands here twice" },
	{ "log: {level: info, level: info}", "1: log.level: stands here twice" },
	{ "log: {}\nlog: {}", "2: log: stands here twice" },
	{ "{[a]: 1}", "1: expected the name of a key, got a list" },

	/* kinds of nodes */
	{ "- workers: 1", "1: expected a mapping of keys, got a list" },
	{ "workers", "1: expected a mapping of keys, got text" },
	{ "timeouts: 5s", "1: timeouts: expected a mapping, got text" },
	{ "timeouts: {hello: [5s]}",
	  "1: timeouts.hello: expected a duration such as 5s, got a list" },
	{ "workers: {n: 1}", "1: workers: expected a number from 0 to 1024, got a mapping" },
	{ "workers:", "1: workers: expected a number from 0 to 1024, got nothing" },
	{ "user: ~", "1: user: expected a user name of at most 63 characters, got nothing" },

	/* YAML */
	{ "workers: 1\n  user: x\n",
	  "2: not valid YAML: mapping values are not allowed in this context" },
	{ "a: [1, 2\n", "2: not valid YAML: did not find expected ',' or ']'" },
	{ "a: 1\nb: \xff\n", "2: not valid YAML: invalid leading UTF-8 octet" },
	{ "a: *b\n", "1: not valid YAML: found undefined alias" },
	{ "workers: 1\n---\nworkers: 2\n", "3: a second document; only one may be in a file" },

	/* rules */
	{ "rules: .gov", "1: rules: expected a list of rules, got text" },
	{ "rules:\n  - .gov\n", "2: rules: expected a rule such as 'pass: .gov', got text" },
	{ "rules: [{}]", "1: rules: expected a rule such as 'pass: .gov', got an empty mapping" },
	{ "rules: [{allow: .gov}]", "1: rules: expected pass, intercept or block, got 'allow'" },
	{ "rules:\n  - pass: .gov\n    port: 443\n",
	  "3: rules: one action makes a rule; 'port' must go below 'pass' or into a rule of its "
	  "own" },
	{ "rules: [{pass: {}}]",
	  "1: rules: a rule without a condition; what no rule matches is for the key default" },
	{ "rules: [{pass: []}]", "1: rules.pass: an empty list would match nothing" },
	{ "rules: [{pass: }]", "1: rules.pass: expected a value or a list of values, got nothing" },
	{ "rules: [{pass: [a, [b]]}]",
	  "1: rules.pass: expected a value or a list of values, got a list" },
	{ "rules: &r [*r]", "1: rules: expected a rule such as 'pass: .gov', got a list" },
	{ "rules:\n  - block:\n    - a.example\n    - a..example\n",
	  "4: rules.block: 'a..example' is no host pattern: an empty label" },
	{ "rules: [{pass: {host: a, capture: true}}]",
	  "1: rules.pass.capture: only a rule that intercepts may say this" },
	{ "rules: [{intercept: {host: a, capture: yes}}]",
	  "1: rules.intercept.capture: expected true or false, got 'yes'" },
	{ "rules: [{intercept: {host: a, capture: [true]}}]",
	  "1: rules.intercept.capture: expected true or false, got a list" },
	{ "rules:\n  - intercept: {capture: true}",
	  "2: rules: a rule without a condition; what no rule matches is for the key default" },
	{ "capture: {listen: \"0.0.0.0:57012\"}",
	  "1: capture.listen: expected none, a loopback address with a port such as "
	  "127.0.0.1:57012, or unix:/PATH, got '0.0.0.0:57012'" },
	{ "rules: [{pass: {hots: a}}]", "1: rules.pass.hots: unknown key, did you mean 'host'?" },
	{ "rules: [{pass: {host: a, host: b}}]", "1: rules.pass.host: stands here twice" },
	{ "rules: [{pass: {server: []}}]",
	  "1: rules.pass.server: an empty list would match nothing" },
	{ "rules: [{pass: {server: a.example}}]", "1: rules.pass.server: expected an address or a "
						  "prefix such as 192.0.2.0/24, got 'a.example'" },
	{ "rules: [{pass: {client: 10.0.0.0/33}}]",
	  "1: rules.pass.client: expected an address or a prefix such as 192.0.2.0/24, got "
	  "'10.0.0.0/33'" },
	{ "rules: [{pass: {host: a, path: /x}}]",
	  "1: rules.pass.path: a path is seen only inside an intercepted connection; block or "
	  "intercept it" },
	{ "rules: [{block: {path: /x}}]",
	  "1: rules: a rule with a path must name a host ('*' for any)" },
	{ "rules: [{block: {host: a, path: x}}]",
	  "1: rules.block.path: 'x' is no path: it does not begin with a slash" },
	{ "rules: [{pass: {port: [443, https]}}]",
	  "1: rules.pass.port: expected a number from 1 to 65535, got 'https'" },

	/* two keys that do not go together */
	{ "listen:\n  ipv4: none\n  ipv6: none\n",
	  "3: listen.ipv6: none for both addresses: there is nothing to listen on" },
	{ "marks:\n  listener: 0x40\n",
	  "2: marks.listener: marks.listener and marks.upstream share bits" },
	{ "marks:\n  listener: 0x3\n  upstream: 2\n",
	  "3: marks.upstream: marks.listener and marks.upstream share bits" },
	{ "upstream: {invalid: mirror}\nca: {untrusted_key: k}\n",
	  "1: upstream.invalid: mirror needs ca.untrusted_certificate and ca.untrusted_key" },
};

static void test_mistakes(void **state)
{
	static const char name[] = "/etc/postern/test.yaml";

	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct config *config = NULL;
		struct config_error error;
		char expected[512];

		snprintf(expected, sizeof(expected), "%s:%s", name, mistakes[i].error);
		assert_int_equal(config_parse(mistakes[i].text, strlen(mistakes[i].text), name,
					      &config, &error),
				 -EINVAL);
		assert_null(config);
		assert_string_equal(error.text, expected);
	}
}

/* `head`, then so many letters, then `tail`. */
static int parse_long(const char *head, int n, const char *tail, const char *name)
{
	static char letters[4096], text[8192];
	struct config *config = NULL;
	struct config_error error;
	int r;

	memset(letters, 'a', sizeof(letters) - 1);
	snprintf(text, sizeof(text), "%s%.*s%s", head, n, letters, tail);
	r = config_parse(text, strlen(text), name, &config, &error);
	assert_true(r < 0 || config);
	config_free(config);
	return r;
}

static void test_long_texts(void **state)
{
	(void)state;
	assert_int_equal(parse_long("user: ", 63, "", "x"), 0);
	assert_int_equal(parse_long("user: ", 64, "", "x"), -EINVAL);
	assert_int_equal(parse_long("state_dir: ", 511, "", "x"), 0);
	assert_int_equal(parse_long("state_dir: ", 511, "", "/x"), -EINVAL); /* with the folder */
	assert_int_equal(parse_long("state_dir: ", 512, "", "x"), -EINVAL);
	assert_int_equal(parse_long("", 1000, ": 1", "x"), -EINVAL);
	assert_int_equal(parse_long("log: {", 1000, ": 1}", "x"), -EINVAL);
	assert_int_equal(parse_long("rules: [{", 1000, ": 1}]", "x"), -EINVAL);
	assert_int_equal(parse_long("rules: [{pass: {", 1000, ": 1}}]", "x"), -EINVAL);
	assert_int_equal(parse_long("rules: [pass: ", 4000, "]", "x"), -EINVAL);
	assert_int_equal(parse_long("rules: [pass: {host_file: ", 600, "}]", "x"), -EINVAL);
}

static void test_mistakes_in_other_files(void **state)
{
	(void)state;
	check_load_error(-ENOENT, "main.yaml: cannot be read: No such file or directory");
	write_file("main.yaml", "rules: [{pass: {host_file: /nonexistent/list}}]");
	check_load_error(-ENOENT,
			 "main.yaml:1: rules.pass.host_file: cannot read /nonexistent/list: "
			 "No such file or directory");
	write_file("main.yaml", "rules:\n  - pass: {host_file: names.list}\n");
	write_file("names.list", "good.example\r\n\r\nbad example\r\n");
	check_load_error(-EINVAL, "names.list:3: 'bad example' is no host pattern: "
				  "a character that no host name has");
	write_file("main.yaml", "client_certificate:\n  authorities: /nonexistent/list\n");
	check_load_error(-ENOENT, "main.yaml:2: client_certificate.authorities: /nonexistent/list: "
				  "No such file or directory");
	write_file("main.yaml", "client_certificate: {authorities: names.list}\n");
	write_file("names.list", "\nCN=A\nExample CA\n");
	check_load_error(-EINVAL, "names.list:3: 'Example CA' is no name of an authority, "
				  "such as CN=Example CA,O=Example");
	write_file("main.yaml", "");
	write_file("names.list", "good.example\n");
	assert_int_equal(mkdir(in_folder("conf.d"), 0700), 0);
	write_file("conf.d/a.yaml", "\nmarks: {upstream: 0x80}\n");
	check_load_error(
		-EINVAL,
		"conf.d/a.yaml:2: marks.upstream: marks.listener and marks.upstream share bits");
	write_file("conf.d/a.yaml", "worker: 1\n");
	check_load_error(-EINVAL, "conf.d/a.yaml:1: worker: unknown key, did you mean 'workers'?");
	assert_int_equal(unlink(in_folder("conf.d/a.yaml")), 0);
	assert_int_equal(rmdir(in_folder("conf.d")), 0);
	write_file("conf.d", "a file");
	check_load_error(-ENOTDIR, "conf.d/: cannot be read: Not a directory");
}

static void test_folder_instead_of_list(void **state)
{
	char expected[256];

	(void)state;
	write_file("main.yaml", "rules:\n  - pass: {host_file: conf.d}\n");
	assert_int_equal(mkdir(in_folder("conf.d"), 0700), 0);
	snprintf(expected, sizeof(expected),
		 "main.yaml:2: rules.pass.host_file: cannot read %s: Is a directory",
		 in_folder("conf.d"));
	check_load_error(-EISDIR, expected);
}

/* --- what is shipped ------------------------------------------------------------------------- */

static void test_example(void **state)
{
	struct config_error error;
	struct config *config = NULL;

	(void)state;
	if (config_load(POSTERN_TEST_DATA "/../../engine/postern.yaml", &config, &error) < 0)
		fail_msg("%s", error.text);
	check_defaults(config);
	assert_int_equal(decide(config, "login.gov").action, ACTION_PASS);
	config_free(config);
}

static void test_rich_example(void **state)
{
	struct config_error error;
	struct config *config = NULL;

	(void)state;
	if (config_load(POSTERN_TEST_DATA "/config/rich.yaml", &config, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(decide(config, "www.second.bank.example").line, 7);
	assert_int_equal(decide(config, "x.ads.example").action, ACTION_BLOCK);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_written),
		cmocka_unit_test(test_every_kind),
		cmocka_unit_test_setup_teardown(test_drop_ins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_host_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_authorities, set_up, tear_down),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test_setup_teardown(test_mistakes_in_other_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_folder_instead_of_list, set_up, tear_down),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_rich_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
