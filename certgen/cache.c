/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/cache.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* uthash keeps its entries in the order of insertion: an entry that is used is inserted again. */
struct entry {
	UT_hash_handle hh;
	struct cache_key key;
	int64_t stale_at;
	size_t length;
	uint8_t der[];
};

struct cache {
	struct entry *entries; /* head: used longest ago */
	unsigned max_entries;
	size_t bytes, max_bytes;
};

struct cache *cache_new(unsigned max_entries, size_t max_bytes)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (cache) {
		cache->max_entries = max_entries;
		cache->max_bytes = max_bytes;
	}
	return cache;
}

static void entry_drop(struct cache *cache, struct entry *entry)
{
	HASH_DEL(cache->entries, entry);
	cache->bytes -= entry->length;
	free(entry);
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	while (cache->entries)
		entry_drop(cache, cache->entries);
	free(cache);
}

int cache_key_of(const struct certgen_request *request, const struct cache_key *spki,
		 struct cache_key *ret_key)
{
	EVP_MD_CTX *sha = EVP_MD_CTX_new();
	uint8_t kind = request->kind;
	char host[CERTGEN_HOST_MAX] = "";
	struct cache_key key;

	/* Fixed widths before the leaf: no two requests hash the same bytes. */
	memcpy(host, request->host, strnlen(request->host, sizeof(host)));
	bool is_ok = sha && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) == 1 &&
		     EVP_DigestUpdate(sha, &kind, 1) == 1 &&
		     EVP_DigestUpdate(sha, spki->bytes, sizeof(spki->bytes)) == 1 &&
		     EVP_DigestUpdate(sha, host, sizeof(host)) == 1 &&
		     EVP_DigestUpdate(sha, request->leaf, request->leaf_length) == 1 &&
		     EVP_DigestFinal_ex(sha, key.bytes, NULL) == 1;

	EVP_MD_CTX_free(sha);
	if (!is_ok)
		return -ENOMEM;
	*ret_key = key;
	return 0;
}

/* False when memory ran out: the entry is gone then. */
static bool entry_insert(struct cache *cache, struct entry *entry)
{
	HASH_ADD(hh, cache->entries, key, sizeof(entry->key), entry);
	if (entry->hh.tbl) {
		cache->bytes += entry->length;
		return true;
	}
	free(entry);
	return false;
}

bool cache_get(struct cache *cache, const struct cache_key *key, int64_t now,
	       struct cache_leaf *ret_leaf)
{
	struct entry *entry;

	HASH_FIND(hh, cache->entries, key, sizeof(*key), entry);
	if (!entry)
		return false;
	if (now >= entry->stale_at) {
		entry_drop(cache, entry);
		return false;
	}
	HASH_DEL(cache->entries, entry);
	cache->bytes -= entry->length;
	if (!entry_insert(cache, entry))
		return false;
	*ret_leaf = (struct cache_leaf){ entry->der, entry->length };
	return true;
}

static int64_t stale_time(int64_t not_before, int64_t not_after)
{
	int64_t quarter = (not_after - not_before) / 4;

	return not_after - (quarter < CACHE_FRESH_MIN ? quarter : CACHE_FRESH_MIN);
}

int cache_put(struct cache *cache, const struct cache_key *key, const struct cache_leaf *leaf,
	      int64_t not_before, int64_t not_after)
{
	struct entry *old, *entry;

	if (leaf->length > cache->max_bytes || cache->max_entries == 0)
		return -ENOMEM;
	entry = calloc(1, sizeof(*entry) + leaf->length);
	if (!entry)
		return -ENOMEM;
	HASH_FIND(hh, cache->entries, key, sizeof(*key), old);
	if (old)
		entry_drop(cache, old);
	while (HASH_COUNT(cache->entries) >= cache->max_entries ||
	       cache->bytes + leaf->length > cache->max_bytes)
		entry_drop(cache, cache->entries);
	entry->key = *key;
	entry->stale_at = stale_time(not_before, not_after);
	entry->length = leaf->length;
	memcpy(entry->der, leaf->der, leaf->length);
	return entry_insert(cache, entry) ? 0 : -ENOMEM;
}
