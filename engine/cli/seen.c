/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/seen.h"
#include "policy/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/hosts_report.h"

enum { DEFAULT_PORT = 443 };

static const char *trust_store(const struct cli *cli)
{
	unsigned n;
	const struct config_key *keys = config_keys(&n);

	if (cli->config)
		return cli->config->upstream.trust_store;
	for (unsigned i = 0; i < n; i++)
		if (strcmp(keys[i].name, "upstream.trust_store") == 0)
			return keys[i].fallback;
	return "";
}

struct trust *seen_trust(const struct cli *cli)
{
	struct trust_sources sources = { .store = trust_store(cli) };
	struct trust *trust = NULL;
	char path[TRUST_PATH_SIZE];
	int r;

	if (cli->config)
		sources.crls = cli->config->upstream.crls;
	r = trust_load(&sources, &trust, path);
	if (r < 0)
		(void)cli_fail(CLI_FAILURE, "%s: %s: no certificate will be judged", path,
			       trust_problem(r));
	return trust;
}

static int failed(int r)
{
	return r < 0 ? cli_fail(CLI_FAILURE, "%s", strerror(-r)) : CLI_OK;
}

/* "443", "any". False: it is neither. */
static bool read_port(const char *text, uint16_t *ret_port)
{
	char *end;
	unsigned long port;

	if (strcmp(text, "any") == 0) {
		*ret_port = 0;
		return true;
	}
	port = strtoul(text, &end, 10);
	if (*text < '1' || *text > '9' || *end != '\0' || port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

int seen_init(struct seen *seen, const struct cli *cli)
{
	*seen = (struct seen){ .port = DEFAULT_PORT };
	if (cli->port && !read_port(cli->port, &seen->port))
		return cli_fail(CLI_USAGE, "--port: '%s' is neither a port nor 'any'", cli->port);
	seen->trust = seen_trust(cli);
	seen->hosts = hosts_new(seen->trust);
	if (!seen->hosts)
		return failed(-ENOMEM);
	return failed(observer_init(&seen->observer, seen->hosts, seen->port));
}

void seen_deinit(struct seen *seen)
{
	observer_deinit(&seen->observer);
	hosts_free(seen->hosts);
	trust_free(seen->trust);
}

/* Asks each server that is unknown, one after the other. 0 or -errno. */
static int probe(struct seen *seen)
{
	struct host *const *sorted = hosts_sorted(seen->hosts);
	struct asker *asker = NULL;
	int r = sorted ? asker_new(seen->trust, &asker) : -ENOMEM;

	for (unsigned i = 0; r == 0 && i < hosts_count(seen->hosts); i++) {
		struct host *host = sorted[i];

		if (host_asks(host) != HOST_ASKS_UNKNOWN)
			continue;
		host->probe = ask_server(asker, host->name, &host->server, 0x0303, 0x0304);
		if (!host->probe)
			r = -ENOMEM;
	}
	asker_free(asker);
	return r;
}

/* `form` into memory, and that to `path` or standard output. Exit code. */
static int print(struct hosts *hosts, int (*form)(struct hosts *, FILE *), const char *path)
{
	struct cli out = { .output = path };
	char *text = NULL;
	size_t n = 0;
	FILE *file = open_memstream(&text, &n);
	int r = file ? form(hosts, file) : -ENOMEM;

	if (file && fclose(file) != 0)
		r = -ENOMEM;
	r = r < 0 ? failed(r) : cli_print(&out, text, n);
	free(text);
	return r;
}

static void warn(const struct observer *observer)
{
	if (observer->unreadable > 0)
		fprintf(stderr, "postern: %llu connections begin as TLS and cannot be read\n",
			(unsigned long long)observer->unreadable);
	if (observer->left_out > 0)
		fprintf(stderr, "postern: %llu connections left out: more than %d hosts\n",
			(unsigned long long)observer->left_out, HOSTS_MAX);
}

int seen_report(struct seen *seen, const struct cli *cli)
{
	int code = failed(observer_finish(&seen->observer));

	if (code == CLI_OK && cli->probe)
		code = failed(probe(seen));
	if (code != CLI_OK)
		return code;
	warn(&seen->observer);
	code = print(seen->hosts, cli->json ? hosts_report_json : hosts_report_text, NULL);
	if (code == CLI_OK && cli->output)
		code = print(seen->hosts, hosts_report_rules, cli->output);
	return code;
}
