/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_CACHE_H
#define POSTERN_CERTGEN_CACHE_H

#include "certgen/client.h"

/*
 * The leaves already signed, least recently used forgotten first, bounded in entries and in bytes.
 * Two workers that ask for the same leaf get the same bytes.
 */

enum {
	CACHE_KEY_LENGTH = 32,
	CACHE_ENTRIES_MAX = 4096,
	CACHE_BYTES_MAX = 16 * 1024 * 1024,
	CACHE_FRESH_MIN = 3600, /* seconds */
};

struct cache_key {
	uint8_t bytes[CACHE_KEY_LENGTH];
};

struct cache_leaf {
	const uint8_t *der; /* borrowed: until the next cache_put() */
	size_t length;
};

struct cache *cache_new(unsigned max_entries, size_t max_bytes);
void cache_free(struct cache *cache);

/* SHA-256 of everything that the leaf depends on; `spki` is the hash of the leaf key it is for. */
int cache_key_of(const struct certgen_request *request, const struct cache_key *spki,
		 struct cache_key *ret_key);

/*
 * Times in seconds since 1970. False: not there, or no longer fresh: less than CACHE_FRESH_MIN or a
 * quarter of the leaf's life is left, whichever is shorter.
 */
bool cache_get(struct cache *cache, const struct cache_key *key, int64_t now,
	       struct cache_leaf *ret_leaf);

/* Copies the leaf; -ENOMEM leaves the cache as it was, which costs only speed. */
int cache_put(struct cache *cache, const struct cache_key *key, const struct cache_leaf *leaf,
	      int64_t not_before, int64_t not_after);

#endif
