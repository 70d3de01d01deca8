/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_LEARN_H
#define POSTERN_LEARN_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * Which servers were seen to ask for a client certificate. An entry is bound to the name and to the
 * server's address and port: a client that claims a learned name towards another address is probed
 * like anybody else. In memory; any thread may call.
 */
struct learned;

/* At most `max` entries; the oldest makes room. NULL when out of memory. */
struct learned *learned_new(unsigned max);
void learned_free(struct learned *learned);

/* Remembers the server until `expires` (ms, the caller's clock), or prolongs what is known. */
int learned_add(struct learned *learned, const char *host, const union addr *server,
		uint64_t expires);

/* Whether the server is known at time `now`. */
bool learned_has(struct learned *learned, const char *host, const union addr *server, uint64_t now);

#endif
