/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/generalise.h"

#include <libpsl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "learn/key.h"

/* A full table must be an answer, not an abort(). */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

enum { FAMILY_KEY_MAX = KEY_MAX + LEARN_DIGEST };

/* Siblings: one parent, one address, one key of the server. */
struct family {
	UT_hash_handle hh; /* also links them in the order they were added */
	unsigned n;
	uint64_t siblings[GENERALISE_SIBLINGS_MAX]; /* hashes of their names */
	uint8_t key[];
};

struct generaliser {
	pthread_mutex_t lock; /* of families */
	struct family *families;
	unsigned max;
	psl_ctx_t *suffixes; /* NULL: none; nothing is generalised */
};

struct generaliser *generaliser_new(unsigned max)
{
	struct generaliser *generaliser = calloc(1, sizeof(*generaliser));

	if (!generaliser)
		return NULL;
	pthread_mutex_init(&generaliser->lock, NULL);
	generaliser->max = max;
	generaliser->suffixes = psl_latest(NULL);
	if (!generaliser->suffixes)
		log_warning("no list of public suffixes: names are learned one by one");
	return generaliser;
}

static void drop(struct generaliser *generaliser, struct family *family)
{
	HASH_DEL(generaliser->families, family);
	free(family);
}

void generaliser_free(struct generaliser *generaliser)
{
	if (!generaliser)
		return;
	while (generaliser->families)
		drop(generaliser, generaliser->families);
	psl_free(generaliser->suffixes);
	pthread_mutex_destroy(&generaliser->lock);
	free(generaliser);
}

static struct family *family_of(struct generaliser *generaliser, const uint8_t *key, unsigned n)
{
	struct family *family;

	HASH_FIND(hh, generaliser->families, key, n, family);
	if (family)
		return family;
	if (HASH_COUNT(generaliser->families) >= generaliser->max)
		drop(generaliser, generaliser->families);
	family = calloc(1, sizeof(*family) + n);
	if (!family)
		return NULL;
	memcpy(family->key, key, n);
	HASH_ADD_KEYPTR(hh, generaliser->families, family->key, n, family);
	if (family->hh.tbl)
		return family;
	free(family); /* uthash could not grow */
	return NULL;
}

static void family_add(struct family *family, uint64_t sibling)
{
	for (unsigned i = 0; i < family->n; i++)
		if (family->siblings[i] == sibling)
			return;
	if (family->n < GENERALISE_SIBLINGS_MAX)
		family->siblings[family->n++] = sibling;
}

bool generaliser_note(struct generaliser *generaliser, const struct entry *entry, unsigned siblings)
{
	uint8_t family_key[FAMILY_KEY_MAX];
	char general[LEARN_HOST_MAX];
	struct family *family;
	bool is_enough = false;
	struct key key;

	if (siblings == 0 || !generaliser->suffixes || !entry_has_server_key(entry) ||
	    !key_generalise(entry->host, general) ||
	    !psl_registrable_domain(generaliser->suffixes, general + 2))
		return false;
	if (siblings > GENERALISE_SIBLINGS_MAX)
		siblings = GENERALISE_SIBLINGS_MAX;
	key_make(&key, general, &entry->server);
	memcpy(family_key, key.bytes, key.n);
	memcpy(family_key + key.n, entry->server_key, LEARN_DIGEST);

	pthread_mutex_lock(&generaliser->lock);
	family = family_of(generaliser, family_key, (unsigned)key.n + LEARN_DIGEST);
	if (family) {
		family_add(family, hash_bytes(entry->host, strlen(entry->host)));
		is_enough = family->n >= siblings;
		if (is_enough)
			drop(generaliser, family);
	}
	pthread_mutex_unlock(&generaliser->lock);
	return is_enough;
}
