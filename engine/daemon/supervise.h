/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_SUPERVISE_H
#define POSTERN_DAEMON_SUPERVISE_H

#include "policy/config.h"

/*
 * The parent of engine, certgen and gate. It holds the listening sockets but accepts nothing, and
 * parses nothing but the configuration: it starts the three and whichever of them ends, and passes
 * signals on. SIGHUP reloads, SIGUSR2 replaces the program (`arguments` are main's), SIGTERM ends
 * all. It keeps its rights, which certgen needs to read the CA key, and each of the others to drop
 * its own. Takes the configuration over; returns the exit code.
 */
int supervise(struct config *config, const char *path, char **arguments);

#endif
