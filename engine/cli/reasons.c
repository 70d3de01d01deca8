/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "cli/cli.h"
#include "policy/reason.h"

int cli_reasons(int argc, char **argv)
{
	static const struct option none[] = { { NULL, 0, NULL, 0 } };

	if (cli_option(argc, argv, none) != -1 || cli_has_extra(argc, argv))
		return CLI_USAGE;
	fputs(reason_lists(), stdout);
	return CLI_OK;
}
