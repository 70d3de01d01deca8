/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_CLI_H
#define POSTERN_CLI_CLI_H

#include <getopt.h>

#include "policy/config.h"

/*
 * The command `postern`: each subcommand is one function in its own file, called with its last word
 * as argv[0], returning the exit code. main.c holds their table.
 */

#define CLI_CONFIG "/etc/postern/postern.yaml"

enum {
	CLI_OK,
	CLI_FAILURE,
	CLI_USAGE, /* wrong arguments, or a mistake in the configuration */
};

int cli_check(int argc, char **argv);
int cli_ca_init(int argc, char **argv);
int cli_ca_show(int argc, char **argv);
int cli_ca_export(int argc, char **argv);
int cli_ca_csr(int argc, char **argv);
int cli_ca_import(int argc, char **argv);
int cli_reasons(int argc, char **argv);

/* "postern: ..." on standard error; returns `code`. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Loads the configuration, or prints what is wrong with it: CLI_OK or CLI_USAGE. */
int cli_load(const char *path, struct config **ret_config);

/* getopt_long(), -o the only short form; prints what it does not know. -1: at the end. */
int cli_option(int argc, char **argv, const struct option *options);

/* True, with a message, when words are left after the options. */
bool cli_has_extra(int argc, char **argv);

#endif
