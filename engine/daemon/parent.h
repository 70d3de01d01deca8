/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_PARENT_H
#define POSTERN_DAEMON_PARENT_H

#include <stdbool.h>

#include "base/metrics.h"
#include "base/status.h"
#include "daemon/audit.h"
#include "daemon/listeners.h"
#include "policy/config.h"

/* What the supervisor's children are made from, and share. */
struct parent {
	struct config *config; /* owned; a child has its own copy */
	const char *path;      /* of the configuration */
	struct status *status;
	struct metrics *metrics;
	struct listeners listeners;
	struct audit audit;
	int line[2]; /* between engine and gate; both ends stay open here: each may be replaced */
};

/* Nothing is open yet. Takes `config` over. */
void parent_init(struct parent *parent, struct config *config, const char *path);

/*
 * Opens all of it, out of the listeners that are given where they fit. In an upgrade the engine of
 * before goes on counting, with the next one into the same numbers if possible. 0 or -errno; says
 * what failed itself.
 */
int parent_open(struct parent *parent, const int *listeners, unsigned n_listeners, bool is_upgrade);

void parent_deinit(struct parent *parent);

#endif
