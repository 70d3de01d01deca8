/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_EXCHANGES_H
#define POSTERN_CONN_EXCHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/reason.h"

/*
 * The HTTP of an intercepted connection (http/http.h): what was asked and answered becomes events,
 * what a rule with a path forbids is refused, and bodies wait for the ICAP server's verdict.
 * conn->exchanges is NULL when none of that is wanted, or when it is no HTTP: then all of this
 * costs one comparison a read.
 */
struct conn;
struct exchanges;

enum exchanges_begun {
	EXCHANGES_BEGUN, /* or there is nothing to do */
	EXCHANGES_UNREADABLE,
	EXCHANGES_NO_MEMORY, /* and requests are to be judged */
};

/* When relaying begins. */
enum exchanges_begun exchanges_begin(struct conn *conn);
/* Before the connection is reported: what is not over is reported now. */
void exchanges_end(struct conn *conn);

/*
 * It cannot be read, and a rule wants its paths, or nothing was left to judge it with: nothing more
 * may be sent on.
 */
bool exchanges_is_cut(const struct exchanges *exchanges);
/* Something was refused, and the client has every answer that it will have. */
bool exchanges_is_settled(const struct exchanges *exchanges);
/* Why. */
enum end exchanges_settled_end(const struct exchanges *exchanges);
/* That were read of bodies which are held. */
uint64_t exchanges_bytes(const struct exchanges *exchanges);

/*
 * --- for relay.c, as http_read() and http_finish(); nothing may be sent on if it is cut. What is
 * still held at the end may be sent on if exchanges_read() says so when it is asked again. ---
 */

/* As http_is_holding(), http_released(), http_sent(), http_held(). */
bool exchanges_is_holding(const struct exchanges *exchanges, unsigned way);
const uint8_t *exchanges_released(const struct exchanges *exchanges, unsigned way, size_t *ret_n);
void exchanges_sent(struct exchanges *exchanges, unsigned way, size_t n);
const uint8_t *exchanges_held(const struct exchanges *exchanges, unsigned way, size_t *ret_n);

size_t exchanges_read(struct exchanges *exchanges, unsigned way, uint8_t *bytes, size_t n_held,
		      size_t *n);
void exchanges_finish(struct exchanges *exchanges, unsigned way, size_t n_held);

#endif
