/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_NAMES_H
#define POSTERN_BASE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Code points of TLS as the log writes them. All return a constant string, or NULL for a code point
 * that has no name here.
 */
const char *names_version(uint16_t version); /* 0x0304: "TLSv1.3" */
const char *names_group(uint16_t group);     /* IANA's name in lower case: "x25519" */
/* A key exchange that withstands a quantum computer, alone or with another; the engine has none. */
bool names_is_post_quantum(uint16_t group);
const char *names_suite(uint16_t suite);         /* IANA's: "TLS_AES_128_GCM_SHA256" */
const char *names_signature(uint16_t algorithm); /* SignatureScheme: "rsa_pss_rsae_sha256" */
const char *names_alert(uint8_t description);    /* RFC 8446 section 6: "handshake_failure" */

#endif
