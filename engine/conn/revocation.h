/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_REVOCATION_H
#define POSTERN_CONN_REVOCATION_H

#include "base/sock.h"
#include "conn/conn.h"

/*
 * Asking authorities whether they revoked a certificate (upstream.ocsp), and what they said. One
 * per worker. Questions go to the fetcher as one message each: the order, then the URL, then the
 * body; an answer is the number of the order and what was fetched, nothing if nothing was.
 */
struct revocation {
	struct sock sock; /* the line to the fetcher; SOCK_NONE: it is gone */
	struct inquiry *all;
	uint64_t last; /* number of an order */
};

struct revocation_order {
	uint64_t number;
	uint32_t mark;
	uint32_t timeout_s;
	uint32_t n_url;
	uint32_t n_body;
	uint32_t may_be_private;
};

enum {
	REVOCATION_MAX = 1024,           /* answers that are kept */
	REVOCATION_MESSAGE_MAX = 2048,   /* to the fetcher */
	REVOCATION_AGAIN_MS = 30 * 1000, /* after a question that got no answer */
};

/* Takes the descriptor over; -1: nobody is there to ask. */
void revocation_init(struct revocation *revocation, int fd);
void revocation_deinit(struct revocation *revocation);

/*
 * For a chain that verifies. True: the answer is on its way, and the connection will be run when it
 * is there. False: what is known is in chain_verdict, which may have changed.
 */
bool revocation_is_awaited(struct conn *conn);

/* The line is readable. */
void revocation_receive(struct worker *worker);

#endif
