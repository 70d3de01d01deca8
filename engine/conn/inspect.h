/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_INSPECT_H
#define POSTERN_CONN_INSPECT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Who looks on at the plaintext of an intercepted connection. The relays hand over what they read,
 * record by record as its sender cut it, before any of it is written on. What the engine itself
 * answers in the server's place is seen like the server's own; what it keeps from the client is
 * not seen.
 *
 * conn->inspection is NULL when nobody looks, and so is the pointer that the relays have: then all
 * of this costs one comparison a read.
 */
struct conn;
struct inspection;

/* When relaying begins. Without memory nobody looks. */
void inspect_begin(struct conn *conn);
/* Before it is reported; a connection that was never looked at is none. */
void inspect_end(struct conn *conn);

/* --- for relay.c; `way` is TO_SERVER or TO_CLIENT --- */

void inspect_see(struct inspection *inspection, unsigned way, const uint8_t *bytes, size_t n);
/* Nothing more comes this way: close_notify or FIN, whichever was first. At most once a way. */
void inspect_finish(struct inspection *inspection, unsigned way);

#endif
