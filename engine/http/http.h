/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_HTTP_HTTP_H
#define POSTERN_HTTP_HTTP_H

#include "http/exchange.h"
#include "http/held.h"

/*
 * The HTTP of one connection, read while it goes by: bytes of both ways in, exchanges out. No I/O,
 * no clock but for time stamps.
 *
 * Who only looks on changes nothing. Who judges may refuse a request: then it does not reach the
 * server, and the client has an answer in the server's place (http1.c and http2.c say how). What
 * cannot be followed is not looked at any more, and `anomaly` says why: whether it may go on is the
 * caller's decision.
 */

/* What becomes of a body that is held. */
enum http_answer { HTTP_WAIT, HTTP_RELEASE, HTTP_REFUSE };

/*
 * Who has bodies judged (HTTP/1 alone): such a message is held whole, then it goes out as it came,
 * or the client is answered in its place, and that is the end. A page is as that of judge().
 */
struct http_scanner {
	/* Of this one, whose head is there, and which has a body. */
	bool (*wants)(void *context, unsigned way, const struct exchange *exchange);
	/* It is whole. HTTP_WAIT: http_conclude() will be called. */
	enum http_answer (*scan)(void *context, unsigned way, struct exchange *exchange,
				 const struct held *held, char **ret_page);
	/* It cannot be held: SCAN_TOO_LARGE or SCAN_NO_MEMORY. Whether it is refused. */
	bool (*refuses)(void *context, unsigned way, struct exchange *exchange,
			enum scan_verdict why, char **ret_page);
	size_t max; /* bytes of a body, with what chunks need */
	struct held_budget *budget;
};

struct http_hooks {
	void *context;
	/*
	 * The head of a request is there, and nothing of it was let go: true lets it go. For false
	 * *ret_page may become a page of HTML for the answer, of at most HTTP_PAGE_MAX bytes, which
	 * is freed here. NULL: all may go, and as it comes.
	 */
	bool (*judge)(void *context, const struct exchange *exchange, char **ret_page);
	/* It is over, or it will never be. */
	void (*report)(void *context, const struct exchange *exchange);
	const struct http_scanner *scanner; /* NULL: no body is held */
};

enum { HTTP_TO_SERVER, HTTP_TO_CLIENT };
enum http_version { HTTP_1, HTTP_2 };

enum {
	HTTP_PAGE_MAX = 12288,
	HTTP_ROOM = 16384, /* bytes that http_read() may add: an answer, with what is around it */
};

struct http1;
struct http2;

struct http {
	struct http_hooks hooks;
	struct http1 *one; /* the one or the other; owned */
	struct http2 *two;
	struct exchange *first; /* oldest first; owned */
	unsigned n_exchanges;
	uint64_t n_begun;
	enum http_anomaly anomaly;
	bool is_over; /* nothing is looked at any more: an anomaly, or another protocol follows */
	bool has_refused;
	uint64_t n_held_bytes; /* that were held, in all */
	bool has_cut;          /* a response was not let go: nothing follows it */
	uint8_t *answer;       /* to what was refused, until it is put in; owned */
	size_t n_answer;
};

/* 0 or -ENOMEM. */
int http_new(enum http_version version, const struct http_hooks *hooks, struct http **ret_http);
/* Reports what is not over. */
void http_free(struct http *http);

/*
 * Reads on: bytes[0, n_held) were held back by the call before, what follows up to *n is new. What
 * is refused is taken out of them, as is what is held; what the client is told instead is put in:
 * *n may grow by HTTP_ROOM. The result is how many of them may be sent on; the rest is to be held.
 */
size_t http_read(struct http *http, unsigned way, uint8_t *bytes, size_t n_held, size_t *n);
/* Nothing more comes this way, and `n_held` bytes are still held: half a head. */
void http_finish(struct http *http, unsigned way, size_t n_held);

/* --- bodies that are held --- */

/* Whether something is: then nothing more may be read this way. */
bool http_is_holding(const struct http *http, unsigned way);
/* The bytes that are to be written before any that http_read() lets go later; NULL: none yet. */
const uint8_t *http_released(const struct http *http, unsigned way, size_t *ret_n);
/* So many of them were; when all are, http_read() reads on. */
void http_sent(struct http *http, unsigned way, size_t n);
/* All that is held by now, whether it may go or not. NULL: nothing. */
const uint8_t *http_held(const struct http *http, unsigned way, size_t *ret_n);
/* The body's verdict; the page is taken over. */
void http_conclude(struct http *http, unsigned way, bool is_released, char *page);

/* Something was refused, and was answered, and so is all that was asked before: it is the end. */
bool http_is_settled(const struct http *http);

/* --- for http1.c and http2.c --- */

static inline bool http_is_judged(const struct http *http)
{
	return http->hooks.judge || http->hooks.scanner;
}

void http_drop_answer(struct http *http);
void http_fail(struct http *http, enum http_anomaly anomaly);
/* Appends a new one; NULL: there are too many, or no memory, and that is noted. */
struct exchange *http_begin(struct http *http, uint32_t stream);
/* Reports and frees it. */
void http_end(struct http *http, struct exchange *exchange);
/* Asks the hooks. False: refused; *ret_page as they say. The target is then cut. */
bool http_judge(struct http *http, struct exchange *exchange, char **ret_page);

#endif
