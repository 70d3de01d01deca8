/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_OCSP_H
#define POSTERN_TLS_OCSP_H

#include <stdbool.h>

#include "tls/certificate.h"

/* Asking an authority whether it has revoked a server's certificate (RFC 6960). */

enum {
	OCSP_URL_SIZE = 512,
	OCSP_REQUEST_MAX = 1024,
	OCSP_ANSWER_MAX = 65536,
};

struct ocsp_question {
	char url[OCSP_URL_SIZE]; /* "": the certificate names nobody to ask over HTTP */
	bool must_be_answered;   /* it says so itself (RFC 7633) */
	uint8_t key[32];         /* the same for the same certificate of the same authority */
	uint8_t request[OCSP_REQUEST_MAX];
	size_t n;
};

/* `issuer`: whose key signed it. 0; -EBADMSG, -EMSGSIZE, -ENOMEM. */
int ocsp_ask(struct der certificate, struct der issuer, struct ocsp_question *ret_question);

enum ocsp_status {
	OCSP_UNKNOWN, /* it does not know, or this is no sound answer */
	OCSP_GOOD,
	OCSP_REVOKED,
};

/*
 * An answer, if it is about this certificate, of now, and signed by its issuer or by whom the
 * issuer made a responder. *ret_life: seconds that it may be kept.
 */
enum ocsp_status ocsp_read(struct der answer, struct der certificate, struct der issuer,
			   unsigned *ret_life);

#endif
