/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_CA_MAKE_H
#define POSTERN_CERTGEN_CA_MAKE_H

#include "certgen/ca_facts.h"

/*
 * A new CA: either self-signed, or a request (PKCS #10) that a company's own CA signs.
 * Both ask for the same profile: CA:TRUE, pathlen:0 (its leaves and nothing below), keyCertSign and
 * cRLSign, a subject key identifier.
 */

enum ca_make_key {
	CA_MAKE_EC,  /* P-256 */
	CA_MAKE_RSA, /* 3072 bits */
};

/*
 * `subject` is written "/CN=My CA/O=Me": short names of attributes, UTF-8, a backslash before a
 * slash or backslash of a value. Key and certificate come as PEM. -EINVAL for a subject that is
 * not one.
 */
int ca_make_root(const char *subject, enum ca_make_key kind, int64_t now, struct ca_bytes *ret_key,
		 struct ca_bytes *ret_certificate, struct ca_error *ret_error);

/* A request, PEM, for an existing CA: its key, and the subject of its certificate. */
int ca_make_request(const char *certificate, const char *key, struct ca_bytes *ret_request,
		    struct ca_error *ret_error);

#endif
