/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_CARRY_H
#define POSTERN_CONN_CARRY_H

#include "conn/conn.h"

/* The steps of CONN_RELAYING and CONN_SPLICING, and what the end of their deadline means. */
enum conn_state carry_relay(struct conn *conn);
enum conn_state carry_splice(struct conn *conn);
enum conn_state carry_idle(struct conn *conn);

/* The client's handshake is over: it is sent all that it may be waiting for before it asks. */
void carry_invite(struct conn *conn);

#endif
