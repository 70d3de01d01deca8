/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_SHELF_H
#define POSTERN_TLS_SHELF_H

#include "tls/x509.h"

/*
 * Certificates of authorities, parsed: a few of them stand above thousands of servers. They are
 * known by all their bytes; what is kept is the parsed form alone, never that one was found good.
 * One thread.
 */
struct shelf;

enum { SHELF_MAX = 256 }; /* the one that was not used for longest makes room */

/* NULL: no memory. */
struct shelf *shelf_new(void);
void shelf_free(struct shelf *shelf);

/* Parsed for chains that end in this trust store; counted. NULL: it does not parse. */
X509 *shelf_get(struct shelf *shelf, struct trust *trust, struct der der);

#endif
