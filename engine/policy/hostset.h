/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_HOSTSET_H
#define POSTERN_POLICY_HOSTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/pattern.h"

/*
 * Host patterns, each with a number (for rules: the rule's place), made for millions of names:
 * finding all that match a host costs one hash and one probe per label of the host, however many
 * names there are. Globs are the exception: each is tried in turn.
 */

#define HOSTSET_NONE UINT32_MAX /* no value; not to be added */

/* All zero: an empty set. */
struct hostset {
	char *names; /* one after the other, each with its NUL */
	size_t names_size, names_room;
	struct hostset_entry *entries;
	uint32_t n_entries;
	struct hostset_slot
		*slots; /* hash table of the names; the number of slots is a power of two */
	uint32_t n_slots, n_slots_used;
	struct hostset_glob *globs;
	uint32_t n_globs;
};

void hostset_deinit(struct hostset *set);

/* 0 or -ENOMEM. The same pattern may be added with several values. */
int hostset_add(struct hostset *set, const struct pattern *pattern, uint32_t value);

/*
 * The lowest value of a pattern that matches `host` (lower case; a dot at the end is ignored) and
 * that `admits` agrees to, or HOSTSET_NONE. An empty host matches nothing.
 */
uint32_t hostset_lowest(const struct hostset *set, const char *host,
			bool (*admits)(const void *context, uint32_t value), const void *context);

#endif
