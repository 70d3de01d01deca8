/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_CERTREQ_H
#define POSTERN_TLS_CERTREQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The CertificateRequest: RFC 5246 section 7.4.4 (TLS 1.2) and RFC 8446 section 4.3.2 (TLS 1.3,
 * where the CA names are the extension certificate_authorities, section 4.2.4). No I/O.
 */

enum {
	CERTREQ_NAMES_MAX = 512, /* names kept; n_names counts all */
	CERTREQ_NAME_SIZE = 256, /* text of one name, NUL included; longer ones are cut */
};

struct certreq {
	unsigned n_names; /* CA names in the request */
	unsigned n_kept;
	char (*names)[CERTREQ_NAME_SIZE]; /* RFC 4514 text of the first n_kept, owned */
	uint8_t names_sha256[32];         /* of all names' DER in order; zero when n_names is 0 */
	unsigned n_signature_algorithms;
	bool is_complete; /* false: the body was cut or broken; what was read before that is kept */
};

/*
 * `body` is the handshake message without its four-byte header, `version` 0x0303 or 0x0304. 0 or
 * -ENOMEM; a broken body is no error. Names are printable ASCII, whatever the server sent; one that
 * is not DER of a name is '#' and hexadecimal digits.
 */
int certreq_parse(const uint8_t *body, size_t n, uint16_t version, struct certreq *ret_request);
void certreq_deinit(struct certreq *request);

#endif
