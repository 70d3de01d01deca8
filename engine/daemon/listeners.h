/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_LISTENERS_H
#define POSTERN_DAEMON_LISTENERS_H

#include "base/handover.h"
#include "policy/config.h"

enum {
	LISTENERS_WORKERS = HANDOVER_MAX, /* at most */
	LISTENERS_MAX = 2 * LISTENERS_WORKERS,
};

/*
 * The listening sockets: one for each worker and family. The supervisor holds them as long as it
 * lives, over its own upgrade and, where systemd keeps them, over its restart. So whoever has
 * connected while an engine is replaced waits in a backlog and is served by the next one.
 */
struct listeners {
	unsigned n;                    /* workers */
	int fds[LISTENERS_WORKERS][2]; /* IPv4, IPv6; -1: none */
};

/*
 * Those for `n_workers`: out of the `n_given` ones where they fit, else new ones. What does not fit
 * is closed. 0 or -errno; says what failed itself.
 */
int listeners_open(struct listeners *listeners, const struct config *config, unsigned n_workers,
		   const int *given, unsigned n_given);
void listeners_close(struct listeners *listeners);

/* All descriptors in one row of at most LISTENERS_MAX: how many. */
unsigned listeners_list(const struct listeners *listeners, int *ret_fds);

#endif
