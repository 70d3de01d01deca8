/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_LIMITS_H
#define POSTERN_TLS_LIMITS_H

#include "base/registry.h"

/*
 * What the owner lets either handshake agree on, of what the client offers and the engine speaks.
 * The lists are borrowed.
 */
struct tls_limits {
	uint16_t version_min; /* 0x0303, 0x0304 */
	const struct codepoints *suites;
	const struct codepoints *groups;
	const struct codepoints *signature_algorithms;
};

/* Everything that the engine speaks. */
#define TLS_LIMITS_NONE                                                                            \
	((struct tls_limits){ 0x0303, &registry_suites.all, &registry_groups.all,                  \
			      &registry_signatures.all })

#endif
