/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_LEARNED_H
#define POSTERN_CLI_LEARNED_H

#include <jansson.h>

#include "cli/cli.h"
#include "learn/learn.h"

/* What is learned, with its store; to be freed with learned_free(). The exit code, said why. */
int learned_cli_open(const struct cli *cli, struct learned **ret_learned);

void learned_cli_print(const struct entry *entry);
json_t *learned_cli_json(const struct entry *entry);

#endif
