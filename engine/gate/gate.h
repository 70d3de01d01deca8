/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_GATE_GATE_H
#define POSTERN_GATE_GATE_H

#include "base/metrics.h"
#include "base/status.h"
#include "policy/config.h"

/*
 * The gate: the process that answers the kernel's questions about new connections, keeps its sets,
 * and holds the door armed as long as the engine is alive. It has CAP_NET_ADMIN and nothing else;
 * it meets the first packets of connections, never their contents (but the hello of QUIC).
 */

/* What the gate process is given. */
struct gate_run {
	struct config *config;
	const char *path; /* of the configuration */
	struct status *status;
	struct metrics *metrics;
	int engine;  /* the line on which engines tell what they learn (net/told.h) */
	int control; /* a socket whose other end the supervisor holds */
};

/*
 * Runs until SIGTERM, or until `control` closes. SIGHUP reads `path` again, SIGUSR1 ends it without
 * disarming: another gate takes over. Everything but `status` and `metrics` is taken over. Returns
 * the exit code.
 */
int gate_run(const struct gate_run *given);

#endif
