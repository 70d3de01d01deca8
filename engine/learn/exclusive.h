/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_EXCLUSIVE_H
#define POSTERN_LEARN_EXCLUSIVE_H

#include <stdbool.h>

#include "base/addr.h"

/*
 * Which addresses (with port) have servers that ask for certificates and no others, as far as
 * connections have shown: the kernel may pass those without a hello. One server that did not ask
 * spoils its address. In memory; any thread may call.
 */
struct exclusive;

enum { EXCLUSIVE_AFTER = 3 }; /* connections that were asked */

/* At most `max` addresses; the oldest makes room. NULL when out of memory. */
struct exclusive *exclusive_new(unsigned max);
void exclusive_free(struct exclusive *exclusive);

/* A server of this address asked, or did not. True: the address has only such servers. */
bool exclusive_note(struct exclusive *exclusive, const union addr *server, bool has_asked);

#endif
