/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_GENERALISE_H
#define POSTERN_LEARN_GENERALISE_H

#include <stdbool.h>

#include "learn/entry.h"

/*
 * When names stop being names: login.gov sends each user to a random one below
 * pivcac.identitysandbox.gov. Siblings at one address, with one key, become "*.parent". That their
 * certificate names the wildcard is the caller's to see to. Any thread may call.
 */
struct generaliser;

enum { GENERALISE_SIBLINGS_MAX = 16 };

/* At most `max` parents are counted at once; the oldest makes room. NULL: out of memory. */
struct generaliser *generaliser_new(unsigned max);
void generaliser_free(struct generaliser *generaliser);

/*
 * Another of the siblings was seen. True: there are `siblings` different ones now, or more, and the
 * count begins anew. Never true where "*.parent" would reach across a public suffix, or where the
 * list of those (libpsl) cannot be had.
 */
bool generaliser_note(struct generaliser *generaliser, const struct entry *entry,
		      unsigned siblings);

#endif
