/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_HTTP_H
#define POSTERN_TLS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One request over plain HTTP, by libcrypto's client: a question to an OCSP responder, or for
 * certificates. It blocks.
 */
struct http_order {
	const char *url;     /* "http://..." */
	const uint8_t *body; /* of a question; NULL: certificates are wanted */
	size_t n;
	uint32_t mark;       /* SO_MARK of its sockets; 0: none */
	bool may_be_private; /* addresses that no public server has are allowed */
	unsigned timeout_s;  /* of each of its parts */
	size_t max;          /* bytes of the answer */
};

/* The bytes of the answer; 0: there is none. */
size_t http_fetch(const struct http_order *order, uint8_t *ret_answer);

#endif
