/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "cli/cli.h"
#include "policy/keys.h"

int cli_config(const struct cli *cli)
{
	char text[2048]; /* for every suite there is */
	unsigned n;
	const struct config_key *keys = config_keys(&n);

	if (cli->argument) {
		if (!config_text(cli->config, cli->argument, text, sizeof(text)))
			return cli_fail(CLI_USAGE, "config: there is no key '%s'", cli->argument);
		puts(text);
		return CLI_OK;
	}
	for (unsigned i = 0; i < n; i++) {
		(void)config_text(cli->config, keys[i].name, text, sizeof(text));
		printf("%s: %s\n", keys[i].name, text);
	}
	return CLI_OK;
}
