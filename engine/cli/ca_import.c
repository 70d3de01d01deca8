/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "certgen/ca.h"
#include "certgen/ca_facts.h"
#include "cli/ca_paths.h"
#include "cli/file.h"

static int put(const char *path, mode_t mode, const struct ca_bytes *bytes, bool is_replacing)
{
	int r = file_write(path, mode, bytes->bytes, bytes->length, is_replacing);

	if (r == -EEXIST)
		return cli_fail(CLI_FAILURE, "%s: is there already, kept; --force replaces it",
				path);
	return r < 0 ? cli_fail(CLI_FAILURE, "%s: %s", path, strerror(-r)) : CLI_OK;
}

/*
 * Only certificates and the key are taken over, whatever else the files hold. The key goes first:
 * it may be refused because one is there, and then nothing has changed.
 */
static int import(const struct ca_paths *paths, const char *certificate, const char *key,
		  bool is_forced)
{
	struct ca *ca;
	struct ca_error error;
	struct ca_bytes chain, secret = { 0 };
	int code = CLI_OK;

	if (ca_load(certificate, key ? key : paths->key, time(NULL), &ca, &error) < 0)
		return cli_fail(CLI_FAILURE, "%s", error.text);
	ca_free(ca);
	if (ca_facts_export(certificate, CA_EXPORT_CHAIN, &chain, &error) < 0)
		return cli_fail(CLI_FAILURE, "%s", error.text);
	if (key && ca_facts_export_key(key, &secret, &error) < 0)
		code = cli_fail(CLI_FAILURE, "%s", error.text);
	if (code == CLI_OK && key)
		code = put(paths->key, 0600, &secret, is_forced);
	if (code == CLI_OK)
		code = put(paths->certificate, 0644, &chain, true);
	if (code == CLI_OK)
		printf("%s: imported\n", paths->certificate);
	ca_bytes_deinit(&secret);
	ca_bytes_deinit(&chain);
	return code;
}

int cli_ca_import(const struct cli *cli)
{
	struct ca_paths paths;

	ca_paths(cli, &paths);
	if (!cli->certificate)
		return cli_fail(CLI_USAGE, "ca import: --certificate FILE is needed");
	if ((cli->key || cli->next) && ca_paths_need_file(cli, "ca import") != CLI_OK)
		return CLI_FAILURE;
	return import(&paths, cli->certificate, cli->key, cli->force);
}
