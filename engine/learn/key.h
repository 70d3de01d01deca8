/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_KEY_H
#define POSTERN_LEARN_KEY_H

#include <stdint.h>

#include "base/addr.h"
#include "learn/entry.h"

/* What an entry is found by: port, length of the address (0: any), address, host name. */

enum { KEY_MAX = 2 + 1 + 16 + LEARN_HOST_MAX };

struct key {
	uint64_t hash;
	uint16_t n;
	uint8_t bytes[KEY_MAX];
};

void key_make(struct key *key, const char *host, const union addr *server);
/* The host's part, without a NUL, and the server. */
const char *key_host(const uint8_t *bytes, uint16_t n, uint16_t *ret_n);
void key_server(const uint8_t *bytes, union addr *ret_server);

/* Any address, the same port. */
union addr key_any(const union addr *server);
/* "a.b.example" is "*.b.example". False: it has no parent, or is generalised already. */
bool key_generalise(const char *host, char ret_host[LEARN_HOST_MAX]);

#endif
