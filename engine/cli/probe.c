/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "cli/hosts_report.h"
#include "cli/seen.h"

struct target {
	char host[HELLO_HOST_MAX];
	char port[6];
	bool is_address; /* then the hello names nobody */
};

/* HOST, HOST:PORT, ADDRESS, [ADDRESS]:PORT; an IPv6 address may stand without brackets. */
static bool read_target(const char *text, struct target *ret_target)
{
	struct target target = { .port = "443" };
	const char *end = text + strlen(text), *colon = strrchr(text, ':');
	union addr ignored;

	if (*text == '[') {
		const char *bracket = strchr(text, ']');

		if (!bracket || (bracket[1] != '\0' && bracket[1] != ':'))
			return false;
		colon = bracket[1] ? bracket + 1 : NULL;
		end = bracket;
		text++;
	} else if (colon && strchr(text, ':') == colon) {
		end = colon;
	} else {
		colon = NULL;
	}
	if (end == text || (size_t)(end - text) >= sizeof(target.host) ||
	    (colon && snprintf(target.port, sizeof(target.port), "%s", colon + 1) > 5))
		return false;
	memcpy(target.host, text, (size_t)(end - text));
	target.is_address = addr_parse(target.host, 0, &ignored);
	*ret_target = target;
	return true;
}

static json_t *json_line(const struct target *target, const union addr *server, const char *version,
			 const struct ask *ask)
{
	json_t *object = hosts_report_ask(ask);
	char address[ADDR_TEXT_MAX];

	if (object && !target->is_address)
		(void)json_object_set_new(object, "host", json_string(target->host));
	if (object) {
		(void)json_object_set_new(object, "address",
					  json_string(addr_text(server, address)));
		(void)json_object_set_new(object, "port", json_integer(addr_port(server)));
		(void)json_object_set_new(object, "offered", json_string(version));
	}
	return object;
}

static void print(const struct ask *ask, const char *version)
{
	switch (ask->result) {
	case ASK_ASKED:
		printf("  %s  asks for a client certificate in the handshake\n", version);
		hosts_report_request(&ask->request, "           ", stdout);
		break;
	case ASK_NOT_ASKED:
		printf("  %s  does not ask in the handshake\n", version);
		break;
	case ASK_FAILED:
		printf("  %s  unknown: %s\n", version, ask->detail);
		return;
	}
	if (ask->is_judged)
		printf("           its certificate: %s%s%s\n", verify_text(ask->verdict),
		       ask->detail[0] ? ": " : "", ask->detail);
	else
		puts("           its certificate was not judged");
}

/* In each version by itself: a server may ask in one and not in the other. */
static int probe_address(const struct asker *asker, const struct target *target,
			 const union addr *server, bool json, bool *is_known)
{
	char endpoint[HOSTS_ENDPOINT_SIZE];

	if (!json)
		printf("%s  %s\n", target->host, hosts_endpoint(server, endpoint));
	for (uint16_t version = 0x0304; version >= 0x0303; version--) {
		struct ask *ask = ask_server(asker, target->is_address ? "" : target->host, server,
					     version, version);
		json_t *line;

		if (!ask)
			return -ENOMEM;
		*is_known |= ask->result != ASK_FAILED;
		if (json) {
			line = json_line(target, server, names_version(version), ask);
			if (line && json_dumpf(line, stdout, JSON_COMPACT) == 0)
				putchar('\n');
			json_decref(line);
		} else {
			print(ask, names_version(version));
		}
		ask_free(ask);
	}
	return 0;
}

static int probe_all(const struct cli *cli, const struct trust *trust, const struct target *target,
		     const struct addrinfo *found)
{
	struct asker *asker = NULL;
	bool is_known = false;
	int r = asker_new(trust, &asker);

	for (const struct addrinfo *at = found; r == 0 && at; at = at->ai_next) {
		union addr server = { 0 };

		if (at->ai_addrlen > sizeof(server))
			continue;
		memcpy(&server, at->ai_addr, at->ai_addrlen);
		r = probe_address(asker, target, &server, cli->json, &is_known);
	}
	asker_free(asker);
	if (r < 0)
		return cli_fail(CLI_FAILURE, "%s", strerror(-r));
	return is_known ? CLI_OK : CLI_FAILURE;
}

int cli_probe(const struct cli *cli)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	struct trust *trust;
	struct target target;
	int r, code;

	if (!cli->argument || !read_target(cli->argument, &target))
		return cli_fail(CLI_USAGE, "probe: which server? HOST[:PORT]");
	r = getaddrinfo(target.host, target.port, &hints, &found);
	if (r != 0)
		return cli_fail(CLI_FAILURE, "%s: %s", cli->argument, gai_strerror(r));
	trust = seen_trust(cli);
	code = probe_all(cli, trust, &target, found);
	trust_free(trust);
	freeaddrinfo(found);
	return code;
}
