/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_PINNING_H
#define POSTERN_CONN_PINNING_H

#include "conn/conn.h"

/* Clients that take forged leaves, but not this host's: learn/pinned.h. */

/* It is such a client, and the owner wants it passed. The server's chain was verified. */
bool pinning_passes(struct conn *conn);

/* The client took our leaf, or ended the handshake by an alert. */
void pinning_accepted(struct conn *conn);
void pinning_refused(struct conn *conn);

#endif
