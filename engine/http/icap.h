/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_HTTP_ICAP_H
#define POSTERN_HTTP_ICAP_H

#include "http/exchange.h"

/*
 * ICAP (RFC 3507), the client's half, without I/O: requests are written, replies are read. Of a
 * reply the head alone is read, as a message is never replaced: what follows a head that has a body
 * is thrown away with the connection.
 */

enum {
	ICAP_REPLY_MAX = 8192,  /* bytes of a reply's head */
	ICAP_OPTIONS_MAX = 512, /* bytes of such a request */
	ICAP_SERVICE_MAX = 128, /* "icap://" and the rest, its NUL included */
	ICAP_CHUNK_ROOM = 24,   /* bytes of a chunk's first line */
	ICAP_PREVIEW_MAX = 65536,
};

/* What a service says of itself. */
struct icap_options {
	bool has_reqmod, has_respmod;
	bool has_204;     /* it may say that nothing is to be changed */
	bool has_preview; /* it wants the first `preview` bytes alone */
	unsigned preview;
	unsigned max_connections; /* 0: it does not say */
	uint32_t ttl;             /* s; 0: it does not say */
};

struct icap_reply {
	unsigned status;
	bool is_last;   /* it closes then, or what follows is not read */
	char found[96]; /* its name for what is wrong with the body */
	struct icap_options options;
};

enum icap_result { ICAP_MORE, ICAP_WHOLE, ICAP_BROKEN };

/* A reply that begins here; *ret_n is its length. */
enum icap_result icap_read(const uint8_t *bytes, size_t n, struct icap_reply *ret_reply,
			   size_t *ret_n);

/* The length, at most ICAP_OPTIONS_MAX. */
size_t icap_write_options(const char *url, const char *authority, char text[ICAP_OPTIONS_MAX]);

struct icap_question {
	const char *url, *authority; /* of the service */
	const char *client;          /* its address */
	bool is_request;             /* REQMOD, else RESPMOD */
	const struct exchange *exchange;
	const uint8_t *head; /* of the message, as HTTP/1 has it */
	size_t n_head;
	bool has_preview;
	size_t preview; /* bytes */
};

/*
 * All of it but the body, to be freed; NULL: no memory. Fields between two neighbours alone
 * (RFC 3507 section 4.4.2) are left out, and what proves who somebody is: cookies, passwords.
 */
char *icap_write_question(const struct icap_question *question, size_t *ret_n);

/* What stands before and behind a chunk. */
size_t icap_begin_chunk(size_t n, char text[ICAP_CHUNK_ROOM]);
#define ICAP_END_CHUNK "\r\n"
#define ICAP_END "0\r\n\r\n"
#define ICAP_END_OF_ALL "0; ieof\r\n\r\n" /* of a preview that was all */

#endif
