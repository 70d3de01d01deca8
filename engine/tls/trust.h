/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_TRUST_H
#define POSTERN_TLS_TRUST_H

/* What trust.c loads and verify.c judges by. Private to this folder. */

#include <openssl/x509_vfy.h>
#include <stdatomic.h>
#include <time.h>

#include "tls/x509.h"

struct trust {
	atomic_uint n_refs;
	struct x509_context context; /* of all certificates that are judged by it */
	X509_STORE *store;           /* the anchors and the lists of the revoked */
	bool has_crls;
	X509 *own[TRUST_OWN_MAX];     /* of the engine's CAs; NULL: no more of them */
	struct psl_ctx_st *suffixes;  /* public ones */
	uint64_t serial;              /* random: nobody has to count */
	struct trust_sources sources; /* owned copies */
	uint64_t stamp;               /* of the sources' files when they were read */
	time_t until;                 /* when the first list of the revoked ends */
};

/* Whether a name right below this domain may belong to anybody: "com", "co.uk". */
bool trust_is_public_suffix(const struct trust *trust, const char *domain);

#endif
