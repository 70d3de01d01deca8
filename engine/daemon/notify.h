/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_NOTIFY_H
#define POSTERN_DAEMON_NOTIFY_H

#include <stdint.h>

/*
 * The service manager, where there is one: the protocols that sd_notify(3), sd_listen_fds(3) and
 * sd_watchdog_enabled(3) describe. Without $NOTIFY_SOCKET nothing is sent.
 */

/* Sends one message, lines of KEY=value. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The watchdog's patience in ms; 0: there is none. */
uint64_t notify_watchdog(void);

/*
 * The descriptors that the manager kept or opened for us, at most `n`; they are the caller's from
 * now on. How many.
 */
unsigned notify_take(int *ret_fds, unsigned n);

/* Has the manager keep these over a restart, and only these of what it has kept for us before. */
void notify_keep(const int *fds, unsigned n);

#endif
