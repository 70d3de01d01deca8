/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_BUNDLE_H
#define POSTERN_CLI_BUNDLE_H

#include "cli/cli.h"
#include "fleet/bundle.h"
#include "learn/learn.h"

/* What the commands on bundles have in common. Each int is an exit code, said why. */

/* The archive of a bundle, in memory. */
struct bundle_file {
	uint8_t *bytes;
	size_t n;
};

/* Of cli->argument. */
int bundle_cli_load(const struct cli *cli, const char *command, struct bundle_file *ret_file);
/* Public keys that are trusted: of --key, or of the configuration. */
int bundle_cli_keys(const struct cli *cli, struct signing_keys **ret_keys);
/* One line: which bundle it is. */
void bundle_cli_print(const struct bundle *bundle);

/* What becomes other on this box. `before`: what it has now; NULL: no bundle was applied. */
void bundle_changes_print(const struct config *now, const struct config *next,
			  const struct manifest *before, const struct manifest *manifest);

/* The learned servers of a bundle, sorted by server. */
struct bundle_entries {
	struct entry *entries;
	size_t n;
};

/* Those of this box that others may use, as they stand in a bundle; to be freed. */
int bundle_entries_pack(const struct cli *cli, char **ret_text, size_t *ret_n, size_t *ret_entries);
/* From the text of a bundle's file. `name`: for mistakes. */
int bundle_entries_read(const uint8_t *text, size_t n, const char *name,
			struct bundle_entries *ret_entries);
void bundle_entries_deinit(struct bundle_entries *entries);
/* Into what this box knows, instead of what the bundle before said. How many had no room. */
size_t bundle_entries_adopt(struct learned *learned, const struct bundle_entries *entries,
			    const struct bundle_entries *before);

#endif
