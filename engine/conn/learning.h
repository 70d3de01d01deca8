/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_LEARNING_H
#define POSTERN_CONN_LEARNING_H

#include "conn/conn.h"

/*
 * What is known of this connection's server, and what the connection adds to it. Among connections
 * to an unknown server one probes, and the others wait for what it finds.
 */

enum learning_advice {
	LEARNING_DIAL, /* ask the server: nothing is known, or it is time to look again */
	LEARNING_PASS, /* it asks for certificates */
	LEARNING_WAIT, /* another connection is asking it: learning_wait() */
};

enum learning_advice learning_advise(struct conn *c);

/* The step of CONN_WAITING: the other connection may be done. */
enum learning_advice learning_wait(struct conn *c);

/*
 * The server asked (in the handshake, or late), or it did not. Its chain was verified. False: it
 * may not be passed for that: the operator forbids it, or has not approved it yet.
 */
bool learning_note(struct conn *c, enum learn_class class);

/*
 * Whether the server asks for an authority of the owner's list, if there is a list. A renegotiation
 * names nobody.
 */
bool learning_is_listed(const struct conn *c);

/* What was to be found out is found, or never will be: who waits goes on. */
void learning_end(struct conn *c);

/* Another thread's waker; see struct learned_waiter. */
void learning_wake(struct learned_waiter *waiter);

#endif
