/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_SERVERHELLO_H
#define POSTERN_TLS_SERVERHELLO_H

#include <stddef.h>
#include <stdint.h>

/*
 * The group of the key exchange, from the one message that tells it. `body` is a handshake message
 * without its four-byte header. Both return a code point of supported_groups, or 0 when the message
 * names none or is broken. No I/O.
 */

/* ServerHello or HelloRetryRequest of TLS 1.3: extension key_share (RFC 8446 section 4.2.8). */
uint16_t serverhello_group(const uint8_t *body, size_t n);

/* ServerKeyExchange of a TLS 1.2 ECDHE suite: the named curve (RFC 8422 section 5.4). */
uint16_t serverkeyexchange_group(const uint8_t *body, size_t n);

#endif
