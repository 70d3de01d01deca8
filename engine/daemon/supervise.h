/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_SUPERVISE_H
#define POSTERN_DAEMON_SUPERVISE_H

#include "policy/config.h"

/*
 * The parent of the engine and of certgen. It touches no network and parses nothing: it starts
 * both, passes SIGHUP and SIGTERM on, and when certgen ends, starts another and hands the engine
 * the new lines to it. It keeps its rights, which certgen needs to read the CA key again.
 * Takes the configuration over; returns the exit code.
 */
int supervise(struct config *config, const char *path);

#endif
