/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_SHORTCUT_H
#define POSTERN_CONN_SHORTCUT_H

#include "conn/conn.h"

/*
 * The way of plaintext that nobody looks at, where the kernel has a record layer (tls/kernel.h):
 * from socket to socket, without entering this process. To begin it costs some calls, so it is
 * taken where much was moved already.
 *
 * As relay_move(), in its place. False: there is something that only that can do.
 */
bool shortcut_move(struct conn *conn, unsigned way, enum relay_result *ret_result,
		   enum session_io *ret_io);

#endif
