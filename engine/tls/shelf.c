/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/shelf.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

enum { DIGEST = 32 };

struct shelved {
	UT_hash_handle hh;
	uint8_t key[DIGEST]; /* SHA-256 of all its bytes */
	X509 *x509;
};

struct shelf {
	struct shelved *all; /* in the order of use */
	struct trust *trust; /* theirs; counted, for they were parsed in its context */
};

struct shelf *shelf_new(void)
{
	return calloc(1, sizeof(struct shelf));
}

static void drop(struct shelf *shelf, struct shelved *shelved)
{
	HASH_DEL(shelf->all, shelved);
	X509_free(shelved->x509);
	free(shelved);
}

static void empty(struct shelf *shelf)
{
	while (shelf->all)
		drop(shelf, shelf->all);
	trust_free(shelf->trust);
	shelf->trust = NULL;
}

void shelf_free(struct shelf *shelf)
{
	if (!shelf)
		return;
	empty(shelf);
	free(shelf);
}

/* Puts it last. False: uthash could not grow, and it is nowhere. */
static bool put(struct shelf *shelf, struct shelved *shelved)
{
	HASH_ADD(hh, shelf->all, key, DIGEST, shelved);
	return shelved->hh.tbl;
}

static void keep(struct shelf *shelf, const uint8_t key[DIGEST], X509 *x509)
{
	struct shelved *shelved = calloc(1, sizeof(*shelved));

	if (!shelved)
		return;
	if (HASH_COUNT(shelf->all) >= SHELF_MAX)
		drop(shelf, shelf->all);
	memcpy(shelved->key, key, DIGEST);
	shelved->x509 = x509;
	if (put(shelf, shelved))
		X509_up_ref(x509);
	else
		free(shelved);
}

static X509 *find(struct shelf *shelf, const uint8_t key[DIGEST])
{
	struct shelved *found;
	X509 *x509;

	HASH_FIND(hh, shelf->all, key, DIGEST, found);
	if (!found)
		return NULL;
	x509 = found->x509;
	X509_up_ref(x509);
	HASH_DEL(shelf->all, found);
	if (!put(shelf, found)) {
		X509_free(found->x509);
		free(found);
	}
	return x509;
}

X509 *shelf_get(struct shelf *shelf, struct trust *trust, struct der der)
{
	uint8_t key[DIGEST];
	X509 *x509;

	if (shelf->trust != trust) {
		empty(shelf);
		shelf->trust = trust_ref(trust);
	}
	certificate_digest(der, key);
	x509 = find(shelf, key);
	if (x509)
		return x509;
	x509 = x509_parse(trust_context(trust), der);
	if (x509)
		keep(shelf, key, x509);
	return x509;
}
