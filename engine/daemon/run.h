/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_RUN_H
#define POSTERN_DAEMON_RUN_H

#include "daemon/handover.h"
#include "policy/config.h"

enum { RUN_WORKERS_MAX = HANDOVER_MAX };

/*
 * The engine process: opens its sockets, drops its privileges, runs the workers until SIGTERM or
 * until `control`, the line to the supervisor, closes. SIGHUP reloads `path`. `certgen` has one
 * descriptor per worker; all are taken over, and so is the configuration. Returns the exit code.
 */
int run_engine(struct config *config, const char *path, const int *certgen, unsigned n_workers,
	       int control);

#endif
