/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/file.h"

int bundle_cli_load(const struct cli *cli, const char *command, struct bundle_file *ret_file)
{
	int r;

	if (!cli->argument)
		return cli_fail(CLI_USAGE, "%s: which bundle?", command);
	r = file_read(cli->argument, BUNDLE_SIZE_MAX, &ret_file->bytes, &ret_file->n);
	return r < 0 ? cli_fail(CLI_FAILURE, "%s: %s", cli->argument, strerror(-r)) : CLI_OK;
}

int bundle_cli_keys(const struct cli *cli, struct signing_keys **ret_keys)
{
	const char *path = cli->key ? cli->key : cli->config ? cli->config->bundle.keys : NULL;
	struct bundle_error error;

	if (!path)
		return cli_fail(CLI_USAGE, "there is no configuration that names trusted keys: "
					   "which are they? --key PUBLIC");
	if (signing_keys_read(path, ret_keys, &error) < 0)
		return cli_fail(CLI_FAILURE, "%s%s", cli->key ? "" : "bundle.keys: ", error.text);
	return CLI_OK;
}

void bundle_cli_print(const struct bundle *bundle)
{
	const struct manifest *manifest = &bundle->manifest;
	time_t seconds = (time_t)(manifest->made / 1000000);
	char moment[64] = "?";
	struct tm parts;

	if (localtime_r(&seconds, &parts))
		strftime(moment, sizeof(moment), "%Y-%m-%d %H:%M:%S %z", &parts);
	printf("bundle %llu, made %s on %s by postern %s, signed by %s\n",
	       (unsigned long long)manifest->serial, moment, manifest->host, manifest->version,
	       bundle->signer ? bundle->signer : "nobody who is trusted here");
}

static void print_files(const struct manifest *manifest)
{
	for (unsigned i = 0; i < manifest->n; i++) {
		const struct manifest_file *file = &manifest->files[i];

		printf("  %-8s %10llu  ", manifest_role_text(file->role),
		       (unsigned long long)file->size);
		for (unsigned j = 0; j < MANIFEST_DIGEST; j++)
			printf("%02x", file->sha256[j]);
		printf("  %s\n", file->path);
	}
}

/* A bundle of strangers can be looked at, too: it is read with the same care. */
int cli_bundle_show(const struct cli *cli)
{
	struct bundle_file file = { 0 };
	struct signing_keys *keys = NULL;
	struct bundle_error error;
	struct bundle bundle = { 0 };
	int code = bundle_cli_load(cli, "bundle show", &file);

	if (code == CLI_OK && cli->key)
		code = bundle_cli_keys(cli, &keys);
	else if (code == CLI_OK && cli->config)
		(void)signing_keys_read(cli->config->bundle.keys, &keys, &error);
	if (code == CLI_OK && bundle_read(file.bytes, file.n, NULL, &bundle, &error) < 0)
		code = cli_fail(CLI_FAILURE, "%s: %s", cli->argument, error.text);
	if (code == CLI_OK) {
		bundle.signer =
			keys ? signing_verify(keys, bundle.text, bundle.n_text, bundle.signature)
			     : NULL;
		if (cli->json) {
			printf("%.*s\n", (int)bundle.n_text, bundle.text);
		} else {
			bundle_cli_print(&bundle);
			print_files(&bundle.manifest);
		}
	}
	bundle_deinit(&bundle);
	signing_keys_free(keys);
	free(file.bytes);
	return code;
}

int cli_bundle_verify(const struct cli *cli)
{
	struct bundle_file file = { 0 };
	struct signing_keys *keys = NULL;
	struct bundle_error error;
	struct bundle bundle = { 0 };
	int code = bundle_cli_load(cli, "bundle verify", &file);

	if (code == CLI_OK)
		code = bundle_cli_keys(cli, &keys);
	if (code == CLI_OK && bundle_read(file.bytes, file.n, keys, &bundle, &error) < 0)
		code = cli_fail(CLI_FAILURE, "%s: %s", cli->argument, error.text);
	if (code == CLI_OK)
		bundle_cli_print(&bundle);
	bundle_deinit(&bundle);
	signing_keys_free(keys);
	free(file.bytes);
	return code;
}
