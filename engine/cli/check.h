/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_CHECK_H
#define POSTERN_CLI_CHECK_H

#include "cli/cli.h"

/* What the configuration names is there, and fits together. The exit code, said why. */
int check_config(const struct config *config);

#endif
