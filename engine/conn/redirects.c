/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/redirects.h"

/* A slot is the upper half of the key, never 0, and the lower half of the moment. */
static const uint64_t moment_mask = UINT32_MAX;

bool redirects_allow(struct redirects *redirects, uint64_t key, uint64_t started, uint64_t now)
{
	atomic_uint_fast64_t *slot = &redirects->slots[key % REDIRECTS_SLOTS];
	uint64_t tag = (key & ~moment_mask) | (moment_mask + 1);
	uint64_t before = atomic_load(slot);
	uint64_t age = (now - before) & moment_mask;

	if ((before & ~moment_mask) == tag && age < REDIRECTS_MS)
		return now - started >= age;
	atomic_store(slot, tag | (now & moment_mask));
	return true;
}
