/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which rule, or which entry, decides about a connection, and with what evidence. */
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/learned.h"
#include "policy/asked.h"
#include "policy/reason.h"

struct explanation {
	struct subject subject;
	struct foresight foresight;
	struct verdict verdict;
	bool has_entry;
	struct entry entry;
	const char *fate, *because;
	bool is_captured;
};

static enum asked asked_of(enum learn_class class)
{
	if (class == LEARN_UNUSED)
		return ASKED_UNUSED;
	return class == LEARN_REQUIRED || class == LEARN_LATE ? ASKED_REQUIRED : ASKED_ANYHOW;
}

static void conclude(struct explanation *e, const struct config *config)
{
	bool has_rule = e->verdict.file != NULL;

	e->fate = action_text(e->verdict.action);
	e->because = has_rule ? "a rule" : "the default";
	if (e->foresight.is_certain && e->foresight.action == ACTION_PASS)
		e->because = has_rule ? "a rule, in the kernel: no hello can change it"
				      : "the default, in the kernel: no hello can change it";
	if (e->verdict.action != ACTION_INTERCEPT || !e->has_entry)
		return;
	if (e->entry.state == LEARN_PENDING)
		e->because = "what was learned awaits approval";
	else if (e->entry.state == LEARN_FORBIDDEN)
		e->because = "the operator forbids that it passes for its request";
	else if (entry_has_asked(&e->entry)) {
		enum action action = asked_action(config, asked_of(e->entry.class));

		e->fate = action_text(action);
		e->because = action == ACTION_INTERCEPT
				     ? "the server asks for client certificates, and gets none"
				     : "the server asks for client certificates";
	}
}

static void explain(const struct cli *cli, struct learned *learned, struct explanation *e)
{
	const struct config *config = cli->config;

	e->verdict = ruleset_decide(config->rules, &e->subject);
	e->foresight = ruleset_foresee(config->rules, &e->subject.client, &e->subject.server);
	e->has_entry = learned && learned_look(learned, e->subject.host, &e->subject.server,
					       clock_wall_us(), &e->entry) != LEARNED_UNKNOWN;
	conclude(e, config);
	e->is_captured = e->verdict.is_captured &&
			 strcmp(e->fate, action_text(ACTION_INTERCEPT)) == 0 &&
			 (strcmp(config->capture.folder, "none") != 0 ||
			  strcmp(config->capture.listen, "none") != 0);
}

static void print_text(const struct explanation *e)
{
	char address[ADDR_TEXT_MAX];

	printf("%s at %s: %s (%s)\n", e->subject.host, addr_text(&e->subject.server, address),
	       e->fate, e->because);
	if (e->verdict.file)
		printf("  rule         %s:%u: %s\n", e->verdict.file, e->verdict.line,
		       action_text(e->verdict.action));
	if (e->is_captured)
		printf("  captured     what it carries is to be recorded\n");
	if (e->has_entry)
		learned_cli_print(&e->entry);
}

static void print_json(const struct explanation *e)
{
	char address[ADDR_TEXT_MAX];
	json_t *object = json_pack("{ss, ss, ss, ss}", "host", e->subject.host, "address",
				   addr_text(&e->subject.server, address), "fate", e->fate,
				   "because", e->because);
	char *text;

	if (e->verdict.file)
		json_object_set_new(object, "rule",
				    json_pack("{ss, si, ss}", "file", e->verdict.file, "line",
					      (int)e->verdict.line, "action",
					      action_text(e->verdict.action)));
	if (e->is_captured)
		json_object_set_new(object, "captured", json_true());
	if (e->has_entry)
		json_object_set_new(object, "entry", learned_cli_json(&e->entry));
	text = json_dumps(object, JSON_COMPACT);
	puts(text ? text : "{}");
	free(text);
	json_decref(object);
}

static void explain_address(const struct cli *cli, struct learned *learned, const char *host,
			    const union addr *client, const struct sockaddr *address)
{
	struct explanation e = { .subject = { .host = host, .client = *client } };

	memcpy(&e.subject.server, address,
	       address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					      : sizeof(struct sockaddr_in));
	addr_set_port(&e.subject.server, 443);
	explain(cli, learned, &e);
	if (cli->json)
		print_json(&e);
	else
		print_text(&e);
}

static int explain_all(const struct cli *cli, struct learned *learned, const char *host,
		       const union addr *client)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	union addr address;
	int r;

	if (cli->address) {
		if (!addr_parse(cli->address, 443, &address))
			return cli_fail(CLI_USAGE, "--address %s: no address", cli->address);
		explain_address(cli, learned, host, client, &address.sa);
		return CLI_OK;
	}
	r = getaddrinfo(host, NULL, &hints, &found);
	if (r != 0)
		return cli_fail(CLI_FAILURE, "%s: %s; say its --address", host, gai_strerror(r));
	for (const struct addrinfo *at = found; at; at = at->ai_next)
		explain_address(cli, learned, host, client, at->ai_addr);
	freeaddrinfo(found);
	return CLI_OK;
}

int cli_explain(const struct cli *cli)
{
	union addr client = { .sa.sa_family = AF_UNSPEC };
	struct learned *learned = NULL;
	struct entry name = { 0 };
	int code;

	if (!cli->argument || !entry_field_read(&name, ENTRY_HOST, cli->argument))
		return cli_fail(CLI_USAGE, "explain: which host?");
	if (cli->client && !addr_parse(cli->client, 0, &client))
		return cli_fail(CLI_USAGE, "--client %s: no address", cli->client);
	if (strcmp(cli->config->learn.store, "none") != 0) {
		code = learned_cli_open(cli, &learned);
		if (code != CLI_OK)
			return code;
	}
	code = explain_all(cli, learned, name.host, &client);
	learned_free(learned);
	return code;
}
