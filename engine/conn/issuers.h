/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_ISSUERS_H
#define POSTERN_CONN_ISSUERS_H

#include "conn/conn.h"
#include "tls/certificate.h"

/*
 * Intermediates that servers do not send (upstream.aia), by the address where they are. One per
 * worker. What was fetched is nobody's word: it is judged as if the server had sent it.
 */
struct issuers {
	struct missing *all;
};

enum {
	ISSUERS_MAX = 128,              /* addresses that are remembered */
	ISSUERS_DEPTH = 2,              /* that one chain may need */
	ISSUERS_LIFE_MS = 24 * 3600000, /* of what was found there */
	ISSUERS_AGAIN_MS = 60 * 1000,   /* after an address that gave nothing */
};

void issuers_deinit(struct issuers *issuers);

/*
 * For a chain of n certificates that was judged, in an array of VERIFY_CHAIN_MAX. True: something
 * is on its way, and the connection will be run when it is there. False: it is judged with what
 * could be had.
 */
bool issuers_are_awaited(struct conn *conn, struct der *chain, unsigned n);

/* An answer of the fetcher, nothing if n is 0. False: it is not to one of these. */
bool issuers_settle(struct worker *worker, uint64_t number, const uint8_t *bytes, size_t n);
/* There will be none. */
void issuers_lose(struct worker *worker);

#endif
