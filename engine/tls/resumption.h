/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_RESUMPTION_H
#define POSTERN_TLS_RESUMPTION_H

#include <stdint.h>

/*
 * What a handshake with a server leaves behind for a later one to begin with: a ticket of TLS 1.3
 * (RFC 8446 section 4.6.1) or of TLS 1.2 (RFC 5077), or a session ID (RFC 5246 section 7.3).
 * Whoever keeps it takes care that it is offered to the same server only, in the name of the same
 * client, and with the same hello. One of TLS 1.3 is to be offered once (appendix C.4).
 */
struct resumption;

void resumption_free(struct resumption *resumption);

/* Seconds that the server keeps it for, as it says; at most a day. */
uint32_t resumption_seconds(const struct resumption *resumption);

#endif
