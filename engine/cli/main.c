/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct command {
	const char *name; /* one word, or two: "ca init" */
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *summary;
} commands[] = {
	{ "check", cli_check, "", "say whether posternd could start with this configuration" },
	{ "ca init", cli_ca_init, "[--subject /CN=...] [--rsa] [--force]",
	  "make the CA that signs the leaves" },
	{ "ca show", cli_ca_show, "", "print who the CA is and until when" },
	{ "ca export", cli_ca_export, "[--der] [-o FILE]",
	  "print the CA's certificate, for clients to trust" },
	{ "ca csr", cli_ca_csr, "[-o FILE]", "print a request, to become a CA below another one" },
	{ "ca import", cli_ca_import, "--certificate FILE [--key FILE] [--force]",
	  "put a certificate signed elsewhere in place, or a whole CA" },
	{ "reasons", cli_reasons, "", "print the words of the log: fates, reasons and ends" },
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

int cli_load(const char *path, struct config **ret_config)
{
	struct config_error error;

	return config_load(path, ret_config, &error) < 0 ? cli_fail(CLI_USAGE, "%s", error.text)
							 : CLI_OK;
}

int cli_option(int argc, char **argv, const struct option *options)
{
	return getopt_long(argc, argv, "o:", options, NULL);
}

bool cli_has_extra(int argc, char **argv)
{
	if (optind < argc)
		cli_fail(CLI_USAGE, "%s: what is '%s'?", argv[0], argv[optind]);
	return optind < argc;
}

static void print_help(FILE *file)
{
	fputs("usage: postern COMMAND [--config FILE] [ARGUMENTS]\n\n", file);
	for (int i = 0; i < N_COMMANDS; i++)
		fprintf(file, "  %-9s %s\n            %s\n", commands[i].name,
			commands[i].arguments, commands[i].summary);
	fputs("\nThe configuration is " CLI_CONFIG " unless --config names another.\n"
	      "Exit code: 0 done, 1 failed, 2 wrong arguments or configuration. See postern(1).\n",
	      file);
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

int main(int argc, char **argv)
{
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
		print_help(stdout);
		return CLI_OK;
	}
	for (int i = 0; i < N_COMMANDS; i++) {
		int n = count_words(&commands[i], argc - 1, argv + 1);

		if (n > 0)
			return commands[i].run(argc - n, argv + n);
	}
	print_help(stderr);
	return CLI_USAGE;
}
