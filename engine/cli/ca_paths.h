/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_CA_PATHS_H
#define POSTERN_CLI_CA_PATHS_H

#include <limits.h>

#include "cli/cli.h"

/* Where the CA lies that a command is about: the one in force, or with --next the one to follow. */
struct ca_paths {
	char certificate[PATH_MAX], key[PATH_MAX];
};

/* `suffix`: "", CA_NEXT or CA_PREVIOUS. */
void ca_paths_of(const struct config *config, const char *suffix, struct ca_paths *ret_paths);
void ca_paths(const struct cli *cli, struct ca_paths *ret_paths);

/* CLI_OK, or says that keys in a token are not made, moved or copied here. */
int ca_paths_need_file(const struct cli *cli, const char *command);

#endif
