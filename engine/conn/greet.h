/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_GREET_H
#define POSTERN_CONN_GREET_H

#include "conn/conn.h"

/* The steps of CONN_FORGING and CONN_GREETING: the client's own handshake. And the ends of both. */
enum conn_state greet_forge(struct conn *c);
enum conn_state greet_forge_late(struct conn *c);
enum conn_state greet_client(struct conn *c);
enum conn_state greet_late(struct conn *c);

/*
 * The client's handshake, as one with this server; begun, if it has not been. The connection's own
 * state as long as nothing fails; conn->is_greeted says when it is over.
 */
enum conn_state greet_go_on(struct conn *c, const struct session_facts *upstream);

#endif
