/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_REVOCATION_H
#define POSTERN_CONN_REVOCATION_H

#include "conn/conn.h"

/* Asking authorities whether they revoked a certificate (upstream.ocsp). One per worker. */
struct revocation {
	struct inquiry *all;
};

enum {
	REVOCATION_MAX = 1024,           /* answers that are kept */
	REVOCATION_AGAIN_MS = 30 * 1000, /* after a question that got no answer */
};

void revocation_deinit(struct revocation *revocation);

/*
 * For a chain that verifies. True: the answer is on its way, and the connection will be run when it
 * is there. False: what is known is in chain_verdict, which may have changed.
 */
bool revocation_is_awaited(struct conn *conn);

/* An answer of the fetcher, nothing if n is 0. False: it is not to one of these. */
bool revocation_settle(struct worker *worker, uint64_t number, const uint8_t *bytes, size_t n);
/* There will be none. */
void revocation_lose(struct worker *worker);

#endif
