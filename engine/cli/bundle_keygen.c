/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "fleet/signing.h"

static int put(const char *path, mode_t mode, const char *text)
{
	int r = file_write(path, mode, text, strlen(text), false);

	return r < 0 ? cli_fail(CLI_FAILURE, "%s: %s", path, strerror(-r)) : CLI_OK;
}

/* Nothing is replaced: a key that signed bundles is gone for good otherwise. */
int cli_bundle_keygen(const struct cli *cli)
{
	char secret[SIGNING_PEM_MAX], public[SIGNING_PEM_MAX], path[PATH_MAX];
	int code;

	if (!cli->argument)
		return cli_fail(CLI_USAGE, "bundle keygen: into which file?");
	if (snprintf(path, sizeof(path), "%s.pub", cli->argument) >= (int)sizeof(path))
		return cli_fail(CLI_USAGE, "%s: too long", cli->argument);
	if (signing_make(secret, public) < 0)
		return cli_fail(CLI_FAILURE, "out of memory");
	code = put(cli->argument, 0600, secret);
	signing_wipe(secret, sizeof(secret));
	if (code == CLI_OK && put(path, 0644, public) != CLI_OK) {
		(void)unlink(cli->argument);
		code = CLI_FAILURE;
	}
	if (code == CLI_OK)
		printf("%s: signs bundles, keep it to yourself\n"
		       "%s: for the boxes (bundle.keys)\n",
		       cli->argument, path);
	return code;
}
