/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_RESUMPTION_MBED_H
#define POSTERN_TLS_RESUMPTION_MBED_H

/* How a resumption is made of what mbedTLS knows, and offered. Private to this folder. */

#include <mbedtls/md.h>
#include <stdbool.h>

#include "base/reader.h"
#include "tls/resumption.h"
#include "tls/session.h"

/* From which the keys of TLS 1.3's tickets come (RFC 8446 section 4.6.1). */
struct resumption_secret {
	int suite;
	mbedtls_md_type_t hash;
	uint8_t bytes[48];
	size_t n; /* 0: there is none */
};

/* TLS 1.2: the handshake is over. NULL: the server gave nothing, or there is no memory. */
struct resumption *resumption_of_session(const struct session *session);
/* TLS 1.3: the handshake is over, and the library still there. */
void resumption_secret_keep(struct resumption_secret *secret, const struct session *session);
/* The body of a NewSessionTicket. NULL: it breaks its grammar or is worth nothing; no memory. */
struct resumption *resumption_of_ticket(const struct resumption_secret *secret, struct reader body);
/* Before the handshake. False: the hello does not offer its suite, or there is no memory. */
bool resumption_offer(struct session *session, const struct resumption *resumption);

#endif
