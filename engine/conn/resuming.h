/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_RESUMING_H
#define POSTERN_CONN_RESUMING_H

#include "conn/conn.h"

/*
 * Sessions with servers that are resumed. A server that resumes can ask for no certificate, so it
 * is offered that only while it is known to ask for none; and it sends no chain, so the one that it
 * sent before is what is judged, not for longer than that judgement holds.
 */

/*
 * All that has to be the same where another connection to the server is relied on: the client, or
 * whoever it is (NULL), the server, what it is offered, policy and trust. False: it failed.
 */
bool resuming_key(const struct conn *c, const union addr *client, uint8_t ret_key[RESUMPTIONS_KEY]);

/* Before the handshake with the server: what it gives is kept, what is there is offered. */
void resuming_begin(struct conn *c);

/* The handshake has come to something; the judgement of before goes, unless the server resumed. */
void resuming_settle(struct conn *c);

/*
 * The handshake failed. True: it offered to resume, which may be why; the server is to be asked
 * once more, without.
 */
bool resuming_was_tried(struct conn *c);

#endif
