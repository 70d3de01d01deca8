/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_HTTP_HTTP1_SIDE_H
#define POSTERN_HTTP_HTTP1_SIDE_H

#include <llhttp.h>

#include "http/http.h"

/* What http1.c and http1_held.c share: one way of a connection, and its messages. */

struct side {
	llhttp_t parser; /* of the message whose body is read */
	bool is_in_body;
	bool is_switching; /* the client asked for another protocol, and awaits the answer */
	bool is_bodiless;  /* whatever its head says: a response to HEAD, 204, 304 */
	bool is_whole;     /* llhttp says that the message ended */
	uint64_t *n_body;  /* where its bytes are counted; NULL: of an interim response */
	uint8_t *head;     /* a head of which parts have yet to come; owned */
	size_t n_head, room;
	size_t scanned;
	struct held held;
	size_t n_unread; /* at the end of what is held back: nobody has looked at them */
};

struct http1 {
	struct side sides[2];
};

/* The exchange whose message this way is read now. */
struct exchange *http1_current(struct http *http, unsigned way);
/* Its message this way is over. */
void http1_complete(struct http *http, unsigned way, struct exchange *exchange);

/* --- http1_held.c --- */

/* A request; it is answered in its turn. The page is taken over. */
void http1_refuse(struct http *http, struct exchange *exchange, char *page);
/* The message that begins with this head has a body: holds it, if that is wanted. */
void http1_hold(struct http *http, unsigned way, const uint8_t *head, size_t n);
/* It cannot be judged. Released, the rest of it goes by as any other. */
void http1_give_up(struct http *http, unsigned way, enum scan_verdict why);
/* It is whole. */
void http1_scan(struct http *http, unsigned way, struct exchange *exchange);
/* The client's last request is held: the server knows nothing of it. */
bool http1_is_kept_back(const struct http *http);

#endif
