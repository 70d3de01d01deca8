/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_NAMES_H
#define POSTERN_TLS_NAMES_H

#include <stdint.h>

/*
 * Code points of TLS as the log writes them. All return a constant string, or NULL for a code point
 * that has no name here.
 */
const char *names_version(uint16_t version);  /* 0x0304: "TLSv1.3" */
const char *names_group(uint16_t group);      /* IANA's name in lower case: "x25519" */
const char *names_alert(uint8_t description); /* RFC 8446 section 6: "handshake_failure" */

#endif
