/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_PAGE_H
#define POSTERN_DAEMON_PAGE_H

#include "daemon/children.h"

/*
 * The process that shows metrics, health and the page (engine/web): a program of its own, so that
 * what it needs of libraries is in no other process. What takes root is done before it begins: its
 * listening socket, and the kernel's account of its queues, which only root may open. A socket that
 * cannot be had is tried again, every second, before it begins.
 */

/* Starts it if it is wanted, and is not there. */
void page_tend(const struct parent *parent, struct child *page);
/* One that was told to end need not wait for its next start. */
void page_ended(struct child *page, int status);
/* Whether it has to be started anew after a reload. */
bool page_differs(const struct config *before, const struct config *after);

#endif
