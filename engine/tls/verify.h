/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_VERIFY_H
#define POSTERN_TLS_VERIFY_H

#include "base/addr.h"
#include "tls/certificate.h"

/*
 * Is this server the one that was asked for? The whole chain is judged by libcrypto's verifier (RFC
 * 5280), which knows what mbedTLS does not: name constraints, key usages, critical extensions,
 * minimum strength.
 */

#define VERIFY_RESULTS(X)                                                                          \
	X(VERIFY_OK, "ok")                                                                         \
	X(VERIFY_EXPIRED, "expired")                                                               \
	X(VERIFY_NOT_YET_VALID, "not_yet_valid")                                                   \
	X(VERIFY_NAME_MISMATCH, "name_mismatch")                                                   \
	X(VERIFY_UNTRUSTED, "untrusted")                                                           \
	X(VERIFY_INVALID, "invalid")

#define VERIFY_ENUM(name, word) name,
enum verify_result { VERIFY_RESULTS(VERIFY_ENUM) };
#undef VERIFY_ENUM

const char *verify_text(enum verify_result result);

/* Trust anchors. Immutable; shared by all threads. */
struct trust;

/*
 * `path`: a PEM file, or a folder of certificates named by hash (c_rehash(1)). 0; -errno when it
 * cannot be read; -EINVAL when it holds no certificate.
 */
int trust_load(const char *path, struct trust **ret_trust);
/* Counted: another holder, and one less. */
struct trust *trust_ref(struct trust *trust);
void trust_free(struct trust *trust);
/* Another for each that was ever loaded. */
uint64_t trust_serial(const struct trust *trust);

enum {
	VERIFY_CHAIN_MAX = 16, /* certificates of a chain that are looked at */
	VERIFY_DETAIL_SIZE = 160,
};

/*
 * Judges the chain for a TLS server of that name; without one ("") for its address. *ret_detail
 * says in words what is wrong and with which certificate; "" when nothing is.
 */
enum verify_result verify_chain(const struct trust *trust, const struct der *chain, unsigned n,
				const char *host, const union addr *server,
				char ret_detail[VERIFY_DETAIL_SIZE]);

#endif
