/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_UPGRADE_H
#define POSTERN_DAEMON_UPGRADE_H

#include <stdbool.h>

#include "daemon/children.h"

/*
 * The supervisor's program replaces itself by exec: it stays the same process, with the same
 * children, listeners and service manager. What the new program must know of them it finds in its
 * environment.
 */

enum { UPGRADE_DRAINING = 8 }; /* older engines that still have connections, at most */

struct upgrade {
	int listeners[LISTENERS_MAX];
	unsigned n_listeners;
	struct child engine, gate;               /* of the old program */
	struct child draining[UPGRADE_DRAINING]; /* of those before it */
	unsigned n_draining;
};

/* Whether that program runs here, and can read this configuration; says so itself when not. */
bool upgrade_is_sound(const char *program, const char *configuration);

/* Becomes that program. Only returns, -errno, when that failed. */
int upgrade_exec(const char *program, char **arguments, const struct upgrade *upgrade);

/* In the new program. False: it was started in the ordinary way; then *ret_upgrade is empty. */
bool upgrade_receive(struct upgrade *ret_upgrade);

#endif
