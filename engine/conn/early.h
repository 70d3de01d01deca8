/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_EARLY_H
#define POSTERN_CONN_EARLY_H

#include "conn/conn.h"

/* Greeting the client while its server answers (downstream.greet_early). */

/* Before the server is dialled: whether it is a familiar one. */
void early_consider(struct conn *c);

/* Beside the steps of CONN_DIALLING and CONN_PROBING: the client's handshake. */
enum conn_state early_greet(struct conn *c);

/*
 * The server is known, and all that the client was greeted by depends on it. True: the client was
 * told nothing else than it would be now.
 */
bool early_holds(struct conn *c);

/* For a client that was greeted. It would have been passed, for that reason; and cannot be. */
enum conn_state early_regret(struct conn *c, enum reason reason);

/* Both handshakes are over, and as they should be: the next client may be greeted by this. */
void early_remember(struct conn *c);
/* The server was not as it was, or not there. */
void early_forget(struct conn *c);

#endif
