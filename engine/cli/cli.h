/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_CLI_H
#define POSTERN_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/config.h"

/*
 * The command `postern`. main.c holds the table of subcommands, reads the options and the
 * configuration, and calls the subcommand's function, each in a file of its own.
 */

enum { CLI_CAPTURES_MAX = 256 };

#define CLI_CONFIG "/etc/postern/postern.yaml"

enum {
	CLI_OK,
	CLI_FAILURE,
	CLI_USAGE, /* wrong arguments, or a mistake in the configuration */
};

/* What was said on the command line. */
struct cli {
	const char *config_path;
	const struct config *config; /* NULL for a command that needs none, or may do without */
	const char *output;          /* NULL: standard output */
	const char *subject;
	const char *certificate;
	const char *key;
	const char *address;
	const char *client;
	const char *name, *serial, *fingerprint, *since;
	const char *argument; /* NULL: none was given */
	const char *captures[CLI_CAPTURES_MAX];
	unsigned n_captures; /* beyond CLI_CAPTURES_MAX: more were given */
	const char *interface;
	const char *port;
	const char *seconds;
	bool probe;
	bool json;
	bool der;
	bool rsa;
	bool force;
	bool next;
	bool dry_run;
	bool with_ca;
	bool no_learned;
	bool once;
};

/* Each returns the exit code. */
int cli_check(const struct cli *cli);
int cli_ca_init(const struct cli *cli);
int cli_ca_show(const struct cli *cli);
int cli_ca_export(const struct cli *cli);
int cli_ca_csr(const struct cli *cli);
int cli_ca_rotate(const struct cli *cli);
int cli_ca_import(const struct cli *cli);
int cli_config(const struct cli *cli);
int cli_status(const struct cli *cli);
int cli_learned_list(const struct cli *cli);
int cli_learned_show(const struct cli *cli);
int cli_learned_add(const struct cli *cli);
int cli_learned_approve(const struct cli *cli);
int cli_learned_forbid(const struct cli *cli);
int cli_learned_forget(const struct cli *cli);
int cli_learned_export(const struct cli *cli);
int cli_learned_import(const struct cli *cli);
int cli_issued_find(const struct cli *cli);
int cli_explain(const struct cli *cli);
int cli_reasons(const struct cli *cli);
int cli_web_token(const struct cli *cli);
int cli_top(const struct cli *cli);
int cli_learn(const struct cli *cli);
int cli_watch(const struct cli *cli);
int cli_probe(const struct cli *cli);
int cli_bundle_keygen(const struct cli *cli);
int cli_bundle_create(const struct cli *cli);
int cli_bundle_show(const struct cli *cli);
int cli_bundle_verify(const struct cli *cli);
int cli_bundle_apply(const struct cli *cli);

/* "postern: ..." on standard error; returns `code`. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* To cli->output, or says what is wrong with that. The exit code. */
int cli_print(const struct cli *cli, const void *bytes, size_t n);

#endif
