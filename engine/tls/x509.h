/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_X509_H
#define POSTERN_TLS_X509_H

/*
 * Certificates as libcrypto has them. Private to this folder: parsing is what judging a chain costs
 * most of, so those who need the same certificate pass it on.
 */

#include <openssl/provider.h>
#include <openssl/x509.h>

#include "tls/certificate.h"
#include "tls/verify.h"

/*
 * A context in which certificates are parsed in a third of the time, and everything else is as in
 * libcrypto's default one. It must outlive them.
 */
struct x509_context {
	OSSL_LIB_CTX *library; /* NULL: there can be none, and it is the default one */
	OSSL_PROVIDER *provider;
};

void x509_context_init(struct x509_context *context);
void x509_context_deinit(struct x509_context *context);

/* NULL: it does not parse. */
X509 *x509_parse(OSSL_LIB_CTX *context, struct der der);

/* The context of the trust store's own certificates, and as long-lived. */
OSSL_LIB_CTX *trust_context(const struct trust *trust);

/* Puts it on the stack, which owns it; NULL is passed over. */
void x509_push(STACK_OF(X509) * stack, X509 *x509);

/*
 * As verify_chain(); `others`: in any order. *ret_path is set, if asked for, when the result is
 * VERIFY_OK; its `last`, when it is VERIFY_UNTRUSTED.
 */
struct verify_path {
	uint64_t left;          /* seconds until the first certificate of it ends */
	STACK_OF(X509) * chain; /* the leaf, those above it, the anchor; owned, counted */
	X509 *last; /* when the path ends below an anchor: whose issuer is missing; counted */
};

enum verify_result verify_x509(const struct trust *trust, X509 *leaf, STACK_OF(X509) * others,
			       const struct verify_subject *subject, struct verify_path *ret_path,
			       char ret_detail[VERIFY_DETAIL_SIZE]);

/* Where the certificate of its issuer is to be had, "http://..."; owned. NULL: it does not say. */
char *x509_issuer_url(const X509 *x509);

#endif
