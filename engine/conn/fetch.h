/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_FETCH_H
#define POSTERN_CONN_FETCH_H

#include "base/sock.h"
#include "conn/conn.h"

/*
 * A worker's line to the fetcher. An order goes there as one message: the structure, then the URL,
 * then the body of a question; an answer is the number of the order and what was fetched, nothing
 * if nothing was.
 */
struct fetch_line {
	struct sock sock; /* SOCK_NONE: the fetcher is gone */
	uint64_t last;    /* number of an order */
};

struct fetch_order {
	uint64_t number;
	uint32_t mark;
	uint32_t timeout_s;
	uint32_t n_url;
	uint32_t n_body; /* 0: certificates are wanted, which come as aia_pack() makes them */
	uint32_t may_be_private;
};

enum { FETCH_MESSAGE_MAX = 2048 }; /* to the fetcher */

/* Takes the descriptor over; -1: nobody is there to ask. */
void fetch_line_init(struct fetch_line *line, int fd);
void fetch_line_deinit(struct fetch_line *line);

/* As the configuration of the connection wants it. The order's number; 0: it could not be sent. */
uint64_t fetch_send(struct conn *conn, const char *url, const uint8_t *body, size_t n);

/* The line is readable: the answers go to who asked (revocation.h, issuers.h). */
void fetch_receive(struct worker *worker);

#endif
