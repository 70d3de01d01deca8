/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "web/token.h"

int cli_web_token(const struct cli *cli)
{
	const char *path = cli->config->web.token;
	char token[TOKEN_SIZE];
	int r;

	if (strcmp(path, "none") == 0)
		return cli_fail(CLI_USAGE, "web.token is none: the page can change nothing");
	r = token_read(path, token);
	if (r == -ENOENT)
		return cli_fail(CLI_FAILURE,
				"web.token: %s: posternd makes it when web.listen is set", path);
	if (r == -EPROTO)
		return cli_fail(CLI_FAILURE,
				"web.token: %s: is no token; remove it, and posternd makes one "
				"when it starts",
				path);
	if (r < 0)
		return cli_fail(CLI_FAILURE, "web.token: %s: %s", path, strerror(-r));
	puts(token);
	return CLI_OK;
}
