/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_AIA_H
#define POSTERN_TLS_AIA_H

#include <stdint.h>

#include "tls/certificate.h"

/*
 * Intermediates that a server does not send, and whose address is in what it does send: caIssuers
 * of the authority information access (RFC 5280 section 4.2.2.1), over HTTP.
 */

enum {
	AIA_URL_SIZE = 512,
	AIA_CERTIFICATES_MAX = 4,
	AIA_SIZE_MAX = 16384, /* of all that one address gives, as aia_pack() leaves it */
};

/*
 * What was fetched, a certificate in DER or a CMS message of some (RFC 5652, "certs-only"), as a
 * plain row of certificates: {u24 length, DER} each. The bytes of the row; 0: there are none, or it
 * would be too long.
 */
size_t aia_pack(struct der answer, uint8_t row[AIA_SIZE_MAX]);

/* The certificates of a row, borrowed from it; none of one that is not as it must be. */
unsigned aia_unpack(struct der row, struct der certificates[AIA_CERTIFICATES_MAX]);

#endif
