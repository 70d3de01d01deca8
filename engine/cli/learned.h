/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_LEARNED_H
#define POSTERN_CLI_LEARNED_H

#include <jansson.h>
#include <stdio.h>

#include "cli/cli.h"
#include "learn/learn.h"

/* What is learned, with its store; to be freed with learned_free(). The exit code, said why. */
int learned_cli_open(const struct cli *cli, struct learned **ret_learned);

void learned_cli_print(const struct entry *entry);
json_t *learned_cli_json(const struct entry *entry);

/* A line of JSON. False: it could not be written. */
bool learned_cli_write(FILE *file, const struct entry *entry);
/*
 * Such lines, all of them before the first is put in: a file with a mistake changes nothing. The
 * exit code, said why with `name`; *ret_entries is to be freed in any case.
 */
int learned_cli_read(FILE *file, const char *name, struct entry **ret_entries, size_t *ret_n);

#endif
