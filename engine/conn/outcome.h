/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_OUTCOME_H
#define POSTERN_CONN_OUTCOME_H

#include "conn/conn.h"

/*
 * What a server does with those who have no certificate, where the engine answers its request with
 * an empty one.
 */

/* The alerts that refuse an empty certificate (RFC 8446 section 6.2, RFC 5246 section 7.2.2). */
bool outcome_is_refusal(uint8_t alert);

/* The server asked in the handshake, and is told that there is no certificate. */
bool outcome_is_asked(const struct conn *conn);
/* And it was verified: so what it does now is looked at, and learned. */
bool outcome_is_awaited(const struct conn *conn);

/* In the handshake, or right behind it: the client has seen nothing yet. */
enum conn_state outcome_refused(struct conn *conn);
/* It goes on. */
void outcome_served(struct conn *conn);

/* The step of CONN_HEARING, and the end of its deadline. */
enum conn_state outcome_hear(struct conn *conn);
enum conn_state outcome_unheard(struct conn *conn);

/* The server's first bytes are held back: do they refuse? Learned, if they tell. */
bool outcome_is_refused_by(struct conn *conn, const uint8_t *bytes, size_t n);

#endif
