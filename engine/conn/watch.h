/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_WATCH_H
#define POSTERN_CONN_WATCH_H

#include "conn/conn.h"

/*
 * Looks on while a learned server's connection is passed, as far as its handshake can be read: up
 * to TLS 1.2. The server's flight is held back until its certificate is known to be the right one.
 */

/* Without memory it is not watched. */
void watch_begin(struct conn *conn);

/* Before bytes are moved: decides how many may be. False: the connection is to be cut. */
bool watch_see(struct conn *conn);

void watch_free(struct watch *watch);

#endif
