/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_LATE_H
#define POSTERN_CONN_LATE_H

#include "conn/conn.h"

/*
 * A server that asks for a client certificate only inside the session, or refuses only there to go
 * on without one. The session is intercepted and so has none to give. It is learned; and what the
 * client sees of it, if possible, is a redirect to
 * the URL that it asked for: its next connection passes.
 */

/* Whether the request will be needed for that: then the relay keeps it until it is answered. */
bool late_needs_request(const struct conn *c);

/* The server has asked, by SESSION_WANTS_CERTIFICATE. The state to go to. */
enum conn_state late_request(struct conn *c);

/* The server asked in the handshake, was told that there is none, and refuses. As above. */
enum conn_state late_refusal(struct conn *c);

/* The step of CONN_PARTING, in which the client gets the last bytes, and the end of its time. */
enum conn_state late_part(struct conn *c);
enum conn_state late_parted(struct conn *c);

#endif
