/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_PROFILE_H
#define POSTERN_CERTGEN_PROFILE_H

#include "certgen/forge.h"
#include "certgen/leaf.h"

/*
 * What certgen demands before it signs, whatever the engine asks for: the engine speaks with
 * hostile servers, and may one day be theirs. What the engine alone can know (that the chain
 * verifies) is not asked twice.
 *
 * Both return NULL when all is well, else why not, a fixed text.
 */

/*
 * The server's own certificate, for a leaf that is to be trusted: not issued by this CA itself, for
 * TLS servers (extendedKeyUsage: absent, serverAuth or any), and no critical extension that
 * libcrypto does not know.
 */
const char *profile_original(const struct forge_order *order, const struct leaf_tbs *real);

/*
 * The leaf that is about to be signed: an end entity, for TLS servers and for nothing else, with
 * the key that was ordered, inside the validity of its CA and the longest life allowed, with names
 * that the name constraints of the CA and of its issuers allow, among them the one that the client
 * asked for.
 */
const char *profile_leaf(const struct forge_order *order, const struct leaf_tbs *leaf);

#endif
