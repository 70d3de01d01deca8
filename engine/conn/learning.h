/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_LEARNING_H
#define POSTERN_CONN_LEARNING_H

#include "conn/conn.h"
#include "tls/certificate.h"
#include "tls/certreq.h"

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

/* The server's chain: judgement, chain_verdict and detail are set. */
void learning_judge(struct conn *c, const struct der *chain, unsigned n);

/* What the owner wants of a server of that class. */
enum action learning_action(const struct conn *c, enum learn_class class);
/* The same, as far as this connection's server is known. */
enum action learning_action_now(const struct conn *c);
/* It was seen not long ago that the server asks for no certificate. */
bool learning_asks_nothing(const struct conn *c);
/* Whether anything depends on what it does with those who have no certificate. */
bool learning_is_outcome_wanted(const struct conn *c);

/*
 * What the handshake with the server showed: it asked (with that outcome, or late), or it did not.
 * Its chain was verified. False: it is not to be passed for that, because the owner wants something
 * else of such servers, forbids this one, or has not approved it yet.
 */
bool learning_note(struct conn *c, enum learn_class class);

/* The same, of a handshake that was seen. */
struct learning_sight {
	enum learn_class class;
	const struct certreq *request; /* NULL: none, or not known */
	uint16_t version;
	uint8_t alert;  /* that told the class; 0: none */
	bool is_probed; /* by our own handshake */
};
bool learning_note_sight(struct conn *c, const struct learning_sight *sight);

/* The key that was judged is the one that was learned, or none was. */
bool learning_is_known_key(const struct conn *c);
/* Somebody else answers in its place: it is probed again before it passes. */
void learning_forget(struct conn *c);

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
