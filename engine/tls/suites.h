/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_SUITES_H
#define POSTERN_TLS_SUITES_H

#include "tls/hello.h"
#include "tls/limits.h"

/*
 * The client is shown nothing stronger than what the server chose: otherwise it could not know how
 * well its data are protected on the way. Suites are compared by forward secrecy, authenticated
 * encryption, length of the key and hash of the MAC; not by the leaf's kind of key, which is ours.
 */

enum { SUITES_MAX = CODEPOINTS_MAX };

/* Whether `suite` is stronger in any of these than the other; both are in registry_suites. */
bool suites_is_stronger(uint16_t suite, uint16_t other);

/*
 * What the client may be shown when the server chose `chosen`, up to TLS 1.2: of those that it
 * offers, in its order. Never empty if `chosen` is one that it offers. How many.
 */
unsigned suites_for_client(const struct hello *hello, const struct tls_limits *limits,
			   uint16_t chosen, uint16_t ret_suites[SUITES_MAX]);

#endif
