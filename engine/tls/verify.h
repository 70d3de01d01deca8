/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_VERIFY_H
#define POSTERN_TLS_VERIFY_H

#include <stdbool.h>

#include "base/addr.h"
#include "tls/certificate.h"

/*
 * Is this server the one that was asked for? The whole chain is judged by libcrypto's verifier (RFC
 * 5280), which knows what mbedTLS does not: name constraints, key usages, critical extensions,
 * revocation, minimum strength.
 */

#define VERIFY_RESULTS(X)                                                                          \
	X(VERIFY_OK, "ok")                                                                         \
	X(VERIFY_EXPIRED, "expired")                                                               \
	X(VERIFY_NOT_YET_VALID, "not_yet_valid")                                                   \
	X(VERIFY_NAME_MISMATCH, "name_mismatch")                                                   \
	X(VERIFY_UNTRUSTED, "untrusted")                                                           \
	X(VERIFY_OWN_CA, "own_ca")                                                                 \
	X(VERIFY_REVOKED, "revoked")                                                               \
	X(VERIFY_REVOCATION_UNKNOWN, "revocation_unknown")                                         \
	X(VERIFY_UNSUPPORTED, "unsupported")                                                       \
	X(VERIFY_INVALID, "invalid")

#define VERIFY_ENUM(name, word) name,
enum verify_result { VERIFY_RESULTS(VERIFY_ENUM) };
#undef VERIFY_ENUM

const char *verify_text(enum verify_result result);

/* What chains are judged by. Immutable; shared by all threads. */
struct trust;

enum {
	TRUST_OWN_MAX = 4,
	TRUST_PATH_SIZE = 512,
};

struct trust_sources {
	const char *store; /* a PEM file, or a folder named by hash (c_rehash(1)): the anchors */
	/* Lists of revoked certificates, PEM or DER: a folder, or a file. NULL or "": none. */
	const char *crls;
	/* PEM: the engine's own CAs, which no server may stand under; NULL, "", not there: none. */
	const char *own[TRUST_OWN_MAX];
};

/*
 * 0; -errno when one cannot be read, -EINVAL when there is no certificate in it, -EPERM when the
 * store is one that others than its owner may write to: *ret_path says which one, if that is asked
 * for. A file of revoked ones that cannot be read is a warning.
 */
int trust_load(const struct trust_sources *sources, struct trust **ret_trust,
	       char ret_path[TRUST_PATH_SIZE]);
/* In words, what that failed with. */
const char *trust_problem(int r);
/* Counted: another holder, and one less. */
struct trust *trust_ref(struct trust *trust);
void trust_free(struct trust *trust);
/* Another for each that was ever loaded. */
uint64_t trust_serial(const struct trust *trust);
/* A file of it has changed, or a list of the revoked has ended: it is to be loaded anew. */
bool trust_is_stale(const struct trust *trust);

enum {
	VERIFY_CHAIN_MAX = 16, /* certificates of a chain that are looked at */
	VERIFY_DETAIL_SIZE = 160,
};

/* Who the server should be. */
struct verify_subject {
	const char *host;         /* "": the address is its name */
	const union addr *server; /* its address */
	bool must_sign;           /* its key signed the handshake: all but TLS_RSA_* */
};

/*
 * Judges the chain for a TLS server. *ret_detail says in words what is wrong and with which
 * certificate; "" when nothing is.
 *
 * VERIFY_REVOCATION_UNKNOWN: there are lists of the revoked, but no sound one for one of these
 * certificates; everything else about the chain is good. VERIFY_UNSUPPORTED: a critical extension
 * that nobody here understands.
 */
enum verify_result verify_chain(const struct trust *trust, const struct der *chain, unsigned n,
				const struct verify_subject *subject,
				char ret_detail[VERIFY_DETAIL_SIZE]);

#endif
