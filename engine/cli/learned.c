/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The commands on what is learned. They open the same store as posternd, which hears of changes
 * there within a second; a posternd that does not run finds them when it starts.
 */
#include "learn/learn.h"

#include <fcntl.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/learned.h"

/* The file is the engine's: made by root, it could not be opened by it. */
static void make_file(const struct config *config)
{
	const struct passwd *user = config->user[0] ? getpwnam(config->user) : NULL;
	int fd;

	if (config->learn.store[0] != '/' || !user || geteuid() != 0)
		return;
	fd = open(config->learn.store, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return; /* it is there, or learned_open() says what is wrong */
	if (fchown(fd, user->pw_uid, user->pw_gid) < 0)
		(void)unlink(config->learn.store);
	close(fd);
}

int learned_cli_open(const struct cli *cli, struct learned **ret_learned)
{
	struct learned_options options = LEARNED_DEFAULTS;
	const char *store = cli->config->learn.store;
	struct learned *learned;

	options.max = cli->config->learn.max_entries;
	options.siblings = 0; /* people say what they mean */
	if (strcmp(store, "none") == 0)
		return cli_fail(CLI_USAGE, "learn.store is none: nothing is kept");
	make_file(cli->config);
	if (learned_open(&options, store, &learned) < 0)
		return cli_fail(CLI_USAGE, "learn.store: %s: no such kind of store", store);
	if (!learned_is_stored(learned)) { /* it has said why */
		learned_free(learned);
		return CLI_FAILURE;
	}
	*ret_learned = learned;
	return CLI_OK;
}

/* --- one entry --- */

static void print_moment(const char *name, uint64_t us)
{
	time_t seconds = (time_t)(us / 1000000);
	char text[64] = "never";
	struct tm parts;

	if (us > 0)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", localtime_r(&seconds, &parts));
	printf("  %-12s %s\n", name, text);
}

void learned_cli_print(const struct entry *entry)
{
	char text[ENTRY_TEXT_MAX];

	printf("%s\n", entry->host[0] ? entry->host : "(no name)");
	for (unsigned i = ENTRY_HOST + 1; i < ENTRY_N_FIELDS; i++) {
		entry_field_write(entry, i, text);
		if (i == ENTRY_FIRST_SEEN)
			print_moment("first seen", entry->first_seen);
		else if (i == ENTRY_LAST_SEEN)
			print_moment("last seen", entry->last_seen);
		else if (i == ENTRY_EXPIRES)
			print_moment("expires", entry->expires);
		else if (text[0])
			printf("  %-12s %s\n", entry_field_name(i), text);
	}
}

json_t *learned_cli_json(const struct entry *entry)
{
	char text[ENTRY_TEXT_MAX];
	json_t *object = json_object();

	for (unsigned i = 0; i < ENTRY_N_FIELDS; i++) {
		entry_field_write(entry, i, text);
		json_object_set_new(object, entry_field_name(i),
				    entry_field_is_number(i) ? json_integer(strtoll(text, NULL, 10))
							     : json_string(text));
	}
	return object;
}

bool learned_cli_write(FILE *file, const struct entry *entry)
{
	json_t *object = learned_cli_json(entry);
	bool is_written = json_dumpf(object, file, JSON_COMPACT) == 0 && fputc('\n', file) != EOF;

	json_decref(object);
	return is_written;
}

/* --- list, show, export --- */

struct listing {
	const struct cli *cli;
	const union addr *server; /* NULL: any */
	FILE *file;
	unsigned n;
	bool has_failed;
};

static bool is_meant(const struct listing *listing, const struct entry *entry)
{
	union addr address = entry->server;

	if (listing->cli->argument && strcasecmp(listing->cli->argument, entry->host) != 0)
		return false;
	if (listing->server)
		addr_set_port(&address, addr_port(listing->server));
	return !listing->server || addr_equal(listing->server, &address);
}

static bool list_one(void *context, const struct entry *entry)
{
	struct listing *listing = context;
	char address[ENTRY_TEXT_MAX], port[ENTRY_TEXT_MAX];

	if (!is_meant(listing, entry))
		return true;
	listing->n++;
	if (listing->file)
		listing->has_failed = !learned_cli_write(listing->file, entry);
	else if (listing->cli->argument)
		learned_cli_print(entry);
	else
		printf("%-40s %-24s %-5s %-9s %-9s %llu\n",
		       entry->host[0] ? entry->host : "(no name)",
		       entry_field_write(entry, ENTRY_ADDRESS, address),
		       entry_field_write(entry, ENTRY_PORT, port), learn_class_text(entry->class),
		       learn_state_text(entry->state), (unsigned long long)entry->hits);
	return !listing->has_failed;
}

static int list(const struct cli *cli, FILE *file)
{
	struct listing listing = { .cli = cli, .file = file };
	struct learned *learned;
	union addr server;
	int code;

	if (cli->address) {
		if (!addr_parse(cli->address, 443, &server))
			return cli_fail(CLI_USAGE, "--address %s: no address", cli->address);
		listing.server = &server;
	}
	code = learned_cli_open(cli, &learned);
	if (code != CLI_OK)
		return code;
	if (learned_each(learned, list_one, &listing) < 0)
		code = cli_fail(CLI_FAILURE, "out of memory");
	learned_free(learned);
	if (listing.has_failed)
		code = cli_fail(CLI_FAILURE, "%s: cannot be written",
				cli->output ? cli->output : "standard output");
	if (code == CLI_OK && cli->argument && listing.n == 0)
		code = cli_fail(CLI_FAILURE, "%s: nothing is known of it", cli->argument);
	return code;
}

int cli_learned_list(const struct cli *cli)
{
	return list(cli, cli->json ? stdout : NULL);
}

int cli_learned_show(const struct cli *cli)
{
	if (!cli->argument)
		return cli_fail(CLI_USAGE, "learned show: of which host?");
	return cli_learned_list(cli);
}

int cli_learned_export(const struct cli *cli)
{
	FILE *file = cli->output ? fopen(cli->output, "we") : stdout;
	int code;

	if (!file)
		return cli_fail(CLI_FAILURE, "%s: cannot be opened", cli->output);
	code = list(cli, file);
	if (file != stdout && fclose(file) != 0 && code == CLI_OK)
		code = cli_fail(CLI_FAILURE, "%s: cannot be written", cli->output);
	return code;
}

/* --- the operator's word --- */

static bool lower_host(const char *argument, struct entry *entry)
{
	return entry_field_read(entry, ENTRY_HOST, argument) && entry->host[0];
}

/* What was named on the command line: a host, and an address unless any is meant. */
static int read_name(const struct cli *cli, struct entry *ret_entry)
{
	memset(ret_entry, 0, sizeof(*ret_entry));
	if (!cli->argument || !lower_host(cli->argument, ret_entry))
		return cli_fail(CLI_USAGE, "a host is to be named");
	if (cli->address && !addr_parse(cli->address, 443, &ret_entry->server))
		return cli_fail(CLI_USAGE, "--address %s: no address", cli->address);
	if (!cli->address)
		addr_set_port(&ret_entry->server, 443);
	return CLI_OK;
}

static int set_state(const struct cli *cli, enum learn_state state, bool is_to_be_added)
{
	uint64_t now = clock_wall_us();
	struct learned *learned;
	struct entry entry;
	unsigned n = 0;
	int code = read_name(cli, &entry);

	if (code == CLI_OK)
		code = learned_cli_open(cli, &learned);
	if (code != CLI_OK)
		return code;
	if (!is_to_be_added)
		n = learned_set_state(learned, entry.host, cli->address ? &entry.server : NULL,
				      state, now);
	if (n == 0 && (is_to_be_added || state == LEARN_FORBIDDEN)) {
		entry.state = state;
		entry.source = LEARN_OPERATOR;
		entry.first_seen = entry.last_seen = now;
		entry.decision = 1;
		n = learned_note(learned, &entry, NULL, false, NULL) < LEARNED_LIMITED;
	}
	learned_free(learned);
	if (n == 0)
		return cli_fail(CLI_FAILURE, "%s: nothing is known of it", entry.host);
	printf("%s: %s, %u %s\n", entry.host, learn_state_text(state), n,
	       n == 1 ? "entry" : "entries");
	return CLI_OK;
}

int cli_learned_add(const struct cli *cli)
{
	return set_state(cli, LEARN_APPROVED, true);
}

int cli_learned_approve(const struct cli *cli)
{
	return set_state(cli, LEARN_APPROVED, false);
}

int cli_learned_forbid(const struct cli *cli)
{
	return set_state(cli, LEARN_FORBIDDEN, false);
}

int cli_learned_forget(const struct cli *cli)
{
	struct learned *learned;
	struct entry entry;
	unsigned n;
	int code = read_name(cli, &entry);

	if (code == CLI_OK)
		code = learned_cli_open(cli, &learned);
	if (code != CLI_OK)
		return code;
	n = learned_forget(learned, entry.host, cli->address ? &entry.server : NULL,
			   clock_wall_us());
	learned_free(learned);
	if (n == 0)
		return cli_fail(CLI_FAILURE, "%s: nothing is known of it", entry.host);
	printf("%s: forgotten, %u %s\n", entry.host, n, n == 1 ? "entry" : "entries");
	return CLI_OK;
}

/* --- import --- */

static bool read_entry(json_t *object, struct entry *entry)
{
	const char *name;
	char number[32];
	json_t *value;

	memset(entry, 0, sizeof(*entry));
	if (!json_is_object(object))
		return false;
	json_object_foreach(object, name, value)
	{
		enum entry_field field;
		const char *text = json_string_value(value);

		if (json_is_integer(value)) {
			snprintf(number, sizeof(number), "%lld",
				 (long long)json_integer_value(value));
			text = number;
		}
		if (!text || !entry_field_find(name, &field) ||
		    !entry_field_read(entry, field, text))
			return false;
	}
	return entry->host[0] != '\0' && addr_port(&entry->server) != 0;
}

int learned_cli_read(FILE *file, const char *name, struct entry **ret_entries, size_t *ret_n)
{
	struct entry *entries = NULL, *grown;
	char *line = NULL;
	size_t room = 0, n = 0;
	unsigned number = 0;
	int code = CLI_OK;

	while (code == CLI_OK && getline(&line, &room, file) >= 0) {
		json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

		number++;
		grown = realloc(entries, (n + 1) * sizeof(*entries));
		if (grown)
			entries = grown;
		if (!grown)
			code = cli_fail(CLI_FAILURE, "out of memory");
		else if (!read_entry(object, &entries[n++]))
			code = cli_fail(CLI_USAGE, "%s:%u: no entry", name, number);
		json_decref(object);
	}
	if (code == CLI_OK && ferror(file))
		code = cli_fail(CLI_FAILURE, "%s: cannot be read", name);
	free(line);
	*ret_entries = entries;
	*ret_n = n;
	return code;
}

int cli_learned_import(const struct cli *cli)
{
	struct learned *learned;
	struct entry *entries = NULL;
	size_t n = 0, n_taken = 0;
	FILE *file;
	int code;

	if (!cli->argument)
		return cli_fail(CLI_USAGE, "learned import: which file?");
	file = fopen(cli->argument, "re");
	if (!file)
		return cli_fail(CLI_FAILURE, "%s: cannot be opened", cli->argument);
	code = learned_cli_read(file, cli->argument, &entries, &n);
	fclose(file);
	if (code == CLI_OK)
		code = learned_cli_open(cli, &learned);
	if (code == CLI_OK) {
		for (size_t i = 0; i < n; i++)
			n_taken += learned_import(learned, &entries[i]) == 0;
		learned_free(learned);
		printf("%zu of %zu entries taken\n", n_taken, n);
	}
	free(entries);
	return code == CLI_OK && n_taken < n ? CLI_FAILURE : code;
}
