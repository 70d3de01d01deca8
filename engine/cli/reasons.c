/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/reason.h"

#include <stdio.h>

#include "cli/cli.h"

int cli_reasons(const struct cli *cli)
{
	(void)cli;
	fputs(reason_lists(), stdout);
	return CLI_OK;
}
