/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_FATE_H
#define POSTERN_CONN_FATE_H

#include "conn/conn.h"
#include "tls/alert.h"

/*
 * The ways on from a step: pass, block, end; and the dial, which both intercepting and passing
 * begin with. Each returns the state to go to.
 */

void fate_decide(struct conn *c, enum fate fate, enum reason reason);

/* For a connection that ends before it had a fate: it counts as blocked. */
enum conn_state fate_end(struct conn *c, enum reason reason, enum end end);

/*
 * With a fresh dial; what was said to the server so far is forgotten. A client that was greeted
 * early is refused instead.
 */
enum conn_state fate_pass(struct conn *c, enum fate fate, enum reason reason);
enum conn_state fate_block(struct conn *c, enum reason reason, enum alert alert);
enum conn_state fate_pass_or_block(struct conn *c, enum action action, enum reason reason);
/* After an alert that the client is to hear: its end is awaited, up to timeouts.refuse. */
enum conn_state fate_refuse(struct conn *c, enum end end);
/* The engine itself failed: as on_failure says. */
enum conn_state fate_fail(struct conn *c, enum reason reason);

/* The session with the server ends by a reset; what the log says of it is kept. */
void fate_drop_server(struct conn *c);

/* From here on only the client is there, and has these last bytes, of at most RELAY_BUFFER. */
enum conn_state fate_part(struct conn *c, enum end end, const char *text, size_t n);

bool fate_is_client_gone(const struct conn *c);
enum conn_state fate_client_gone(struct conn *c);

/* `is_fast`: see tproxy_dial(). 0 or -errno. */
int fate_dial(struct conn *c, bool is_fast);
/* 1: connected. 0: not yet. -errno: it failed. */
int fate_dial_progress(struct conn *c);
enum conn_state fate_dial_failed(struct conn *c, int error);

#endif
