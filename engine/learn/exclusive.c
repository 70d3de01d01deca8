/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/exclusive.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* A full table must be an answer, not an abort(). */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

struct address {
	union addr server; /* the key; its padding is zero */
	unsigned n_asked;
	bool is_spoiled;
	UT_hash_handle hh; /* also links them in the order they were added */
};

struct exclusive {
	pthread_mutex_t lock;
	struct address *addresses;
	unsigned max;
};

struct exclusive *exclusive_new(unsigned max)
{
	struct exclusive *exclusive = calloc(1, sizeof(*exclusive));

	if (exclusive) {
		pthread_mutex_init(&exclusive->lock, NULL);
		exclusive->max = max;
	}
	return exclusive;
}

static void forget(struct exclusive *exclusive, struct address *address)
{
	HASH_DEL(exclusive->addresses, address);
	free(address);
}

void exclusive_free(struct exclusive *exclusive)
{
	if (!exclusive)
		return;
	while (exclusive->addresses)
		forget(exclusive, exclusive->addresses);
	pthread_mutex_destroy(&exclusive->lock);
	free(exclusive);
}

/* As a key: what the kernel leaves in the other members must not matter. */
static union addr key_of(const union addr *server)
{
	union addr key;

	memset(&key, 0, sizeof(key));
	if (server->sa.sa_family == AF_INET6) {
		key.v6.sin6_family = AF_INET6;
		key.v6.sin6_addr = server->v6.sin6_addr;
	} else {
		key.v4.sin_family = AF_INET;
		key.v4.sin_addr = server->v4.sin_addr;
	}
	addr_set_port(&key, addr_port(server));
	return key;
}

static struct address *find_or_add(struct exclusive *exclusive, const union addr *server)
{
	union addr key = key_of(server);
	struct address *address;

	HASH_FIND(hh, exclusive->addresses, &key, sizeof(key), address);
	if (address)
		return address;
	if (HASH_COUNT(exclusive->addresses) >= exclusive->max)
		forget(exclusive, exclusive->addresses);
	address = calloc(1, sizeof(*address));
	if (!address)
		return NULL;
	address->server = key;
	HASH_ADD(hh, exclusive->addresses, server, sizeof(key), address);
	if (address->hh.tbl)
		return address;
	free(address); /* uthash could not grow */
	return NULL;
}

bool exclusive_note(struct exclusive *exclusive, const union addr *server, bool has_asked)
{
	struct address *address;
	bool is_exclusive = false;

	pthread_mutex_lock(&exclusive->lock);
	address = find_or_add(exclusive, server);
	if (address) {
		address->is_spoiled |= !has_asked;
		if (address->n_asked < EXCLUSIVE_AFTER)
			address->n_asked++;
		is_exclusive = !address->is_spoiled && address->n_asked == EXCLUSIVE_AFTER;
	}
	pthread_mutex_unlock(&exclusive->lock);
	return is_exclusive;
}
