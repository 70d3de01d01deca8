/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "policy/load.h"

static const struct command {
	const char *name; /* one word, or two: "ca init" */
	int (*run)(const struct cli *cli);
	const char
		*options; /* the letters of those it takes; with a 'c' it needs the configuration,
			   with an 'm' it reads it if there is one, with an 'a' it may have an
			   argument */
	const char *arguments;
	const char *summary;
} commands[] = {
	{ "check", cli_check, "c", "", "say whether posternd could start with this configuration" },
	{ "config", cli_config, "ca", "[KEY]", "print every key's value, or one key's" },
	{ "status", cli_status, "cj", "[--json]",
	  "say whether new connections are judged, since when, and how many were not" },
	{ "top", cli_top, "c1", "[--once]", "show what posternd does now, until q is pressed" },
	{ "learned list", cli_learned_list, "cj", "[--json]",
	  "print what is known of which server" },
	{ "learned show", cli_learned_show, "cajA", "HOST [--address IP] [--json]",
	  "print all that is known of one server" },
	{ "learned add", cli_learned_add, "caA", "HOST [--address IP]",
	  "have it passed, as if it had asked" },
	{ "learned approve", cli_learned_approve, "caA", "HOST [--address IP]",
	  "have it passed for good" },
	{ "learned forbid", cli_learned_forbid, "caA", "HOST [--address IP]",
	  "never pass it, whatever it asks" },
	{ "learned forget", cli_learned_forget, "caA", "HOST [--address IP]",
	  "know nothing of it" },
	{ "learned export", cli_learned_export, "co", "[-o FILE]", "print all as lines of JSON" },
	{ "learned import", cli_learned_import, "ca", "FILE", "take such lines in" },
	{ "explain", cli_explain, "cajAK", "HOST [--address IP] [--client IP] [--json]",
	  "say which rule or entry decides, and with what evidence" },
	{ "issued find", cli_issued_find, "cjnSFe",
	  "[--name HOST] [--serial HEX] [--fingerprint HEX] [--since TIME] [--json]",
	  "print which certificates were forged, when, and in whose place" },
	{ "ca init", cli_ca_init, "csrfx", "[--subject /CN=...] [--rsa] [--force] [--next]",
	  "make the CA that signs the leaves" },
	{ "ca show", cli_ca_show, "c", "", "print who the CA is and until when" },
	{ "ca export", cli_ca_export, "cdox", "[--der] [-o FILE] [--next]",
	  "print the CA's certificate, for clients to trust" },
	{ "ca csr", cli_ca_csr, "cox", "[-o FILE] [--next]",
	  "print a request, to become a CA below another one" },
	{ "ca import", cli_ca_import, "cCkfx", "--certificate FILE [--key FILE] [--force] [--next]",
	  "put a certificate signed elsewhere in place, or a whole CA" },
	{ "ca rotate", cli_ca_rotate, "c", "", "put the next CA in force, without a restart" },
	{ "bundle keygen", cli_bundle_keygen, "a", "FILE",
	  "make a key that signs bundles, and FILE.pub for the boxes" },
	{ "bundle create", cli_bundle_create, "cakoSIL",
	  "--key FILE -o BUNDLE [--ca] [--no-learned] [--serial N] [FOLDER]",
	  "pack what a fleet shares, and sign it" },
	{ "bundle show", cli_bundle_show, "makj", "BUNDLE [--key PUBLIC] [--json]",
	  "print who made it, and what is in it" },
	{ "bundle verify", cli_bundle_verify, "mak", "BUNDLE [--key PUBLIC]",
	  "say whether it is whole, and signed by somebody who is trusted" },
	{ "bundle apply", cli_bundle_apply, "cafD", "BUNDLE [--dry-run] [--force]",
	  "put it in force on this box, or change nothing" },
	{ "learn", cli_learn, "mPtpjo",
	  "--pcap FILE ... [--port N|any] [--probe] [--json] [-o RULES]",
	  "say which servers in captures ask for client certificates" },
	{ "watch", cli_watch, "mitTpjo",
	  "-i IF [--seconds N] [--port N|any] [--probe] [--json] [-o RULES]",
	  "the same of an interface, until Ctrl-C" },
	{ "probe", cli_probe, "maj", "HOST[:PORT] [--json]",
	  "ask a server whether it wants a client certificate" },
	{ "web token", cli_web_token, "c", "",
	  "print the word that lets the page approve and forget" },
	{ "reasons", cli_reasons, "", "", "print the words of the log: fates, reasons and ends" },
};

enum {
	N_COMMANDS = sizeof(commands) / sizeof(commands[0]),
};

int cli_fail(int code, const char *format, ...)
{
	va_list args;

	fputs("postern: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return code;
}

int cli_print(const struct cli *cli, const void *bytes, size_t n)
{
	int r = file_print(cli->output, bytes, n);

	return r < 0 ? cli_fail(CLI_FAILURE, "%s: %s", cli->output ? cli->output : "stdout",
				strerror(-r))
		     : CLI_OK;
}

/* Whether its first word is this; any command's is NULL. */
static bool is_in_group(const struct command *command, const char *word)
{
	size_t n = strcspn(command->name, " ");

	return !word || (strlen(word) == n && strncmp(command->name, word, n) == 0);
}

/* Of the commands with this first word, or of all for NULL; false: there is none. */
static bool print_help(FILE *file, const char *group)
{
	bool has_any = false;

	for (int i = 0; i < N_COMMANDS; i++) {
		if (!is_in_group(&commands[i], group))
			continue;
		if (!has_any)
			fputs("usage: postern COMMAND [--config FILE] [ARGUMENTS]\n\n", file);
		has_any = true;
		fprintf(file, "  %s%s%s\n        %s\n", commands[i].name,
			*commands[i].arguments ? " " : "", commands[i].arguments,
			commands[i].summary);
	}
	if (!has_any)
		return false;
	fputs("\nThe configuration is " CLI_CONFIG " unless --config names another.\n"
	      "Exit code: 0 done, 1 failed, 2 wrong arguments or configuration. See postern(1).\n",
	      file);
	return true;
}

static int print_usage(const struct command *command)
{
	printf("usage: postern %s%s%s%s\n\n  %s\n\nSee postern(1).\n", command->name,
	       strchr(command->options, 'c') || strchr(command->options, 'm') ? " [--config FILE]"
									      : "",
	       *command->arguments ? " " : "", command->arguments, command->summary);
	return CLI_OK;
}

#define TEXT(letter, member)                                                                       \
	{                                                                                          \
		letter, offsetof(struct cli, member), false                                        \
	}
#define FLAG(letter, member)                                                                       \
	{                                                                                          \
		letter, offsetof(struct cli, member), true                                         \
	}

static const struct member {
	int letter;
	size_t offset;
	bool is_flag;
} members[] = {
	TEXT('c', config_path), TEXT('o', output),    TEXT('s', subject),    TEXT('C', certificate),
	TEXT('k', key),         TEXT('i', interface), TEXT('t', port),       TEXT('T', seconds),
	TEXT('A', address),     TEXT('K', client),    TEXT('n', name),       TEXT('S', serial),
	TEXT('F', fingerprint), TEXT('e', since),     FLAG('p', probe),      FLAG('d', der),
	FLAG('j', json),        FLAG('r', rsa),       FLAG('f', force),      FLAG('x', next),
	FLAG('D', dry_run),     FLAG('I', with_ca),   FLAG('L', no_learned), FLAG('1', once),
};

static void set_option(struct cli *cli, int letter)
{
	if (letter == 'P') {
		if (cli->n_captures < CLI_CAPTURES_MAX)
			cli->captures[cli->n_captures] = optarg;
		cli->n_captures++;
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		void *member = (char *)cli + members[i].offset;

		if (members[i].letter != letter)
			continue;
		if (members[i].is_flag)
			*(bool *)member = true;
		else
			*(const char **)member = optarg;
	}
}

static bool takes_option(const struct command *command, int letter)
{
	return strchr(command->options, letter) || (letter == 'c' && strchr(command->options, 'm'));
}

/* argv[0] is the command's last word. */
static int read_options(const struct command *command, int argc, char **argv, struct cli *cli)
{
	char name[64]; /* as getopt() complains */
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "subject", required_argument, NULL, 's' },
		{ "certificate", required_argument, NULL, 'C' },
		{ "key", required_argument, NULL, 'k' },
		{ "der", no_argument, NULL, 'd' },
		{ "pcap", required_argument, NULL, 'P' },
		{ "port", required_argument, NULL, 't' },
		{ "seconds", required_argument, NULL, 'T' },
		{ "probe", no_argument, NULL, 'p' },
		{ "json", no_argument, NULL, 'j' },
		{ "address", required_argument, NULL, 'A' },
		{ "client", required_argument, NULL, 'K' },
		{ "name", required_argument, NULL, 'n' },
		{ "serial", required_argument, NULL, 'S' },
		{ "fingerprint", required_argument, NULL, 'F' },
		{ "since", required_argument, NULL, 'e' },
		{ "rsa", no_argument, NULL, 'r' },
		{ "force", no_argument, NULL, 'f' },
		{ "next", no_argument, NULL, 'x' },
		{ "dry-run", no_argument, NULL, 'D' },
		{ "ca", no_argument, NULL, 'I' },
		{ "no-learned", no_argument, NULL, 'L' },
		{ "once", no_argument, NULL, '1' },
		{ NULL, 0, NULL, 0 },
	};
	int letter;

	snprintf(name, sizeof(name), "postern: %s", command->name);
	argv[0] = name;
	while ((letter = getopt_long(argc, argv, "o:i:", options, NULL)) != -1) {
		if (letter == '?')
			return CLI_USAGE;
		if (!takes_option(command, letter))
			return cli_fail(CLI_USAGE, "%s: takes no such option as '%s'",
					command->name, argv[optind - 1]);
		set_option(cli, letter);
	}
	if (optind < argc && strchr(command->options, 'a'))
		cli->argument = argv[optind++];
	if (optind < argc)
		return cli_fail(CLI_USAGE, "%s: what is '%s'?", command->name, argv[optind]);
	return CLI_OK;
}

static bool wants_config(const struct command *command, const char *path)
{
	if (strchr(command->options, 'm'))
		return strcmp(path, CLI_CONFIG) != 0 || access(path, F_OK) == 0;
	return strchr(command->options, 'c');
}

static int run(const struct command *command, int argc, char **argv)
{
	struct cli cli = { .config_path = CLI_CONFIG };
	struct config *config = NULL;
	struct config_error error;
	int code = read_options(command, argc, argv, &cli);

	if (code != CLI_OK)
		return code;
	if (wants_config(command, cli.config_path) &&
	    config_load(cli.config_path, &config, &error) < 0)
		return cli_fail(CLI_USAGE, "%s", error.text);
	cli.config = config;
	code = command->run(&cli);
	config_free(config);
	return code;
}

/* How many of the words spell the command: 0, 1 or 2. */
static int count_words(const struct command *command, int argc, char **argv)
{
	size_t first = strcspn(command->name, " ");

	if (argc < 1 || strlen(argv[0]) != first || strncmp(argv[0], command->name, first) != 0)
		return 0;
	if (command->name[first] == '\0')
		return 1;
	return argc >= 2 && strcmp(argv[1], command->name + first + 1) == 0 ? 2 : 0;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char **argv)
{
	bool wants_help = argc >= 2 && is_help(argv[argc - 1]);

	if (argc == 2 && (wants_help || strcmp(argv[1], "help") == 0)) {
		print_help(stdout, NULL);
		return CLI_OK;
	}
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		puts("postern " POSTERN_VERSION);
		return CLI_OK;
	}
	for (int i = 0; i < N_COMMANDS; i++) {
		int n = count_words(&commands[i], argc - 1, argv + 1);

		if (n > 0)
			return wants_help ? print_usage(&commands[i])
					  : run(&commands[i], argc - n, argv + n);
	}
	if (!print_help(wants_help ? stdout : stderr, argc >= 2 ? argv[1] : NULL))
		return cli_fail(CLI_USAGE, "what is '%s'? \"postern --help\" says what there is",
				argv[1]);
	return wants_help ? CLI_OK : CLI_USAGE;
}
