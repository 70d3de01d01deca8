/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_GREET_H
#define POSTERN_CONN_GREET_H

#include "conn/conn.h"

/* The steps of CONN_FORGING and CONN_GREETING: the client's own handshake. And the ends of both. */
enum conn_state greet_forge(struct conn *c);
enum conn_state greet_forge_late(struct conn *c);
enum conn_state greet_client(struct conn *c);
enum conn_state greet_late(struct conn *c);

#endif
