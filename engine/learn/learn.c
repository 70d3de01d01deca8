/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/learn.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* A full table must be an answer, not an abort(). */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

enum { KEY_MAX = 2 + 1 + 16 + 256 };

struct entry {
	uint64_t expires;
	UT_hash_handle hh; /* also links the entries in the order they were added */
	unsigned key_length;
	uint8_t key[]; /* port, length of the address, address, name */
};

struct learned {
	pthread_rwlock_t lock;
	struct entry *entries;
	unsigned max;
};

static unsigned key_of(const char *host, const union addr *server, uint8_t key[KEY_MAX])
{
	size_t n_address, n_host = strnlen(host, KEY_MAX - 19);
	const uint8_t *address = addr_bytes(server, &n_address);
	uint16_t port = addr_port(server);

	memcpy(key, &port, 2);
	key[2] = (uint8_t)n_address; /* or four bytes and a name might spell sixteen */
	if (address)
		memcpy(key + 3, address, n_address);
	memcpy(key + 3 + n_address, host, n_host);
	return (unsigned)(3 + n_address + n_host);
}

struct learned *learned_new(unsigned max)
{
	struct learned *learned = calloc(1, sizeof(*learned));

	if (!learned)
		return NULL;
	learned->max = max;
	pthread_rwlock_init(&learned->lock, NULL);
	return learned;
}

static void forget(struct learned *learned, struct entry *entry)
{
	HASH_DEL(learned->entries, entry);
	free(entry);
}

void learned_free(struct learned *learned)
{
	if (!learned)
		return;
	while (learned->entries)
		forget(learned, learned->entries);
	pthread_rwlock_destroy(&learned->lock);
	free(learned);
}

static struct entry *find(struct learned *learned, const uint8_t *key, unsigned n)
{
	struct entry *entry;

	HASH_FIND(hh, learned->entries, key, n, entry);
	return entry;
}

static int add(struct learned *learned, const uint8_t *key, unsigned n, uint64_t expires)
{
	struct entry *entry = find(learned, key, n);

	if (entry) {
		entry->expires = expires;
		return 0;
	}
	if (learned->entries && HASH_COUNT(learned->entries) >= learned->max)
		forget(learned, learned->entries);
	entry = calloc(1, sizeof(*entry) + n);
	if (!entry)
		return -ENOMEM;
	entry->expires = expires;
	entry->key_length = n;
	memcpy(entry->key, key, n);
	HASH_ADD_KEYPTR(hh, learned->entries, entry->key, n, entry);
	if (!find(learned, key, n)) { /* uthash could not grow, and says it in no other way */
		free(entry);
		return -ENOMEM;
	}
	return 0;
}

int learned_add(struct learned *learned, const char *host, const union addr *server,
		uint64_t expires)
{
	uint8_t key[KEY_MAX];
	unsigned n = key_of(host, server, key);
	int r;

	pthread_rwlock_wrlock(&learned->lock);
	r = add(learned, key, n, expires);
	pthread_rwlock_unlock(&learned->lock);
	return r;
}

bool learned_has(struct learned *learned, const char *host, const union addr *server, uint64_t now)
{
	uint8_t key[KEY_MAX];
	unsigned n = key_of(host, server, key);
	const struct entry *entry;
	bool is_known;

	pthread_rwlock_rdlock(&learned->lock);
	entry = find(learned, key, n);
	is_known = entry && entry->expires > now;
	pthread_rwlock_unlock(&learned->lock);
	return is_known;
}
