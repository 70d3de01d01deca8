/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_REQUEST_H
#define POSTERN_CONN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An HTTP/1.1 request (RFC 9112) that a client may be asked to send again. No I/O.
 *
 * This is no parser of HTTP: it recognises one whole request that is safe (GET, HEAD, OPTIONS), has
 * no body and has nothing behind it, in the strictest grammar of the RFC, and says no to all else.
 */
struct request {
	/* Borrowed from the bytes. */
	const char *method, *target, *authority;
	size_t method_length;
	size_t target_length;    /* of the path with its query: "/a?b" */
	size_t authority_length; /* of the Host field: "www.example:8443" */
};

enum {
	REQUEST_MAX = 16384,         /* bytes that may be looked at */
	REQUEST_REDIRECT_MAX = 17000 /* room for request_redirect() */
};

/* False: it is something else, or not whole. */
bool request_read(const void *bytes, size_t n, struct request *ret_request);

/* The status of an HTTP/1.1 response that begins with these bytes; 0: it is none, or cut before. */
unsigned response_status(const void *bytes, size_t n);

/* The request is for this host (lower case, without trailing dot), on whatever port. */
bool request_is_for(const struct request *request, const char *host);

/*
 * The answer that has it sent again, to the same URL over a new connection: 307 (RFC 9110 section
 * 15.4.8). Its length.
 */
size_t request_redirect(const struct request *request, char text[REQUEST_REDIRECT_MAX]);

#endif
