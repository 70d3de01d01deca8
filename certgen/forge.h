/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_FORGE_H
#define POSTERN_CERTGEN_FORGE_H

#include "certgen/ca.h"
#include "certgen/wire.h"

/*
 * One leaf that stands in for a server's own.
 *
 * Copied byte for byte: the subject and the subjectAltName. Bounded by the real one: the validity.
 * Always ours: v3, serial (RFC 5280 section 4.1.2.2: random, positive), issuer, key, keyUsage,
 * extendedKeyUsage (serverAuth and nothing else), basicConstraints, key identifiers. Everything
 * else is dropped: SCTs, must-staple, AIA, CRL points and policies speak of the CA that we are not.
 *
 * Limits (RFC 5280 section 6.1): the leaf lives inside the CA's validity, and a name that the CA's
 * name constraints exclude is refused. certgen/profile.h checks all of this once more, before the
 * CA's key is used.
 */

enum {
	FORGE_BACKDATE = 3600, /* seconds; for clients whose clocks are behind */
};

/* One of the engine's leaf keys, of which only the public half is ever here. */
struct forge_key {
	enum certgen_key kind;
	uint8_t spki[WIRE_SPKI_MAX]; /* SubjectPublicKeyInfo, DER */
	size_t spki_length;          /* 0: no key */
	ASN1_OCTET_STRING *id;
};

/* 0; -EBADMSG when the bytes are no key of this kind; -ENOMEM. */
int forge_key_init(struct forge_key *key, enum certgen_key kind, const uint8_t *spki, size_t n);
void forge_key_deinit(struct forge_key *key);

struct forge_order {
	const struct ca *ca;
	enum certgen_kind kind;
	/*
	 * What the client asked for; "": nothing. A trusted leaf must be valid for it; an untrusted
	 * one has it as its name when the original has no subjectAltName.
	 */
	const char *host;
	const struct forge_key *key;
	int64_t now;          /* seconds since 1970 */
	int64_t max_lifetime; /* seconds from now */
	const uint8_t *leaf;  /* the server's own, DER, hostile */
	size_t leaf_length;
};

struct leaf;

/* forge_leaf_deinit() */
struct forge_leaf {
	uint8_t *der; /* owned */
	size_t length;
	struct leaf *parts; /* what is in it; owned */
	int64_t not_before, not_after;
};

/*
 * CERTGEN_OK with *ret_leaf; CERTGEN_REFUSED for an original we will not stand in for,
 * CERTGEN_FAILED when the machine failed us. *ret_why is a fixed text, set unless OK.
 */
enum certgen_status forge(const struct forge_order *order, struct forge_leaf *ret_leaf,
			  const char **ret_why);

void forge_leaf_deinit(struct forge_leaf *leaf);

#endif
