/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_LOAD_H
#define POSTERN_POLICY_LOAD_H

#include "policy/config.h"

/* The folder beside the configuration that all boxes of a fleet share. */
#define CONFIG_FLEET "fleet"

/*
 * Reads `path`, the folders fleet and conf.d beside it and every list file they name. 0, or -errno
 * with *ret_error filled; -EINVAL for a mistake in the text. The result is owned: config_free().
 */
int config_load(const char *path, struct config **ret_config, struct config_error *ret_error);

/* The same, with the files of another folder in place of those of fleet. NULL: fleet. */
int config_load_fleet(const char *path, const char *fleet, struct config **ret_config,
		      struct config_error *ret_error);

/*
 * The same for n bytes of text in memory, without folders. `path` need not exist: it is the name
 * in mistakes, and paths in the text are relative to its folder.
 */
int config_parse(const char *text, size_t n, const char *path, struct config **ret_config,
		 struct config_error *ret_error);
void config_free(struct config *config);

#endif
