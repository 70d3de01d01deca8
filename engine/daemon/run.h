/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_RUN_H
#define POSTERN_DAEMON_RUN_H

#include "base/metrics.h"
#include "base/status.h"
#include "policy/config.h"

/* What the engine process is given. */
struct run {
	struct config *config;
	const char *path; /* of the configuration */
	struct status *status;
	struct metrics *metrics;
	unsigned n_workers;
	const int (*listeners)[2]; /* of each worker: IPv4, IPv6; -1: none */
	const int *certgen;        /* of each worker: its line to certgen */
	int gate_line;
	int control; /* the line to the supervisor */
};

/*
 * The engine process: drops its privileges and runs the workers until SIGTERM or until `control`
 * closes. SIGHUP reads the configuration again. SIGUSR1 drains it: it accepts no more, and ends
 * when its connections have, or after timeouts.drain. Takes all but `status` and `metrics` over;
 * returns the exit code.
 */
int run_engine(const struct run *run);

#endif
