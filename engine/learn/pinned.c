/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How it works. Two things are remembered: when an address, and when a program at it, took a leaf
 * of ours last; and each refusal, one record per program at an address and host, with the times of
 * the last few. Nothing is concluded when a refusal comes in: whether the client trusts our CA and
 * whether the host has refusals enough is counted from the records each time somebody asks, so that
 * what a client does later changes what its refusals are worth, and time alone makes them worth
 * nothing.
 *
 * A refusal is in three lists, oldest first: of all, to know what makes room; of its host, to
 * count; of its address, to find the client's own, and to see how many hosts it refused. An address
 * owns its refusals; a host is there as long as it has any.
 *
 * The question that each connection asks, pinned_is(), ends at the lookup of the host, or at the
 * client's own refusal, for all but the few that pin.
 */
#include "learn/pinned.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* A full table must be an answer, not an abort(). */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>
#include <utlist.h>

struct address_key {
	uint8_t bytes[17]; /* length, address */
};

struct program_key {
	struct address_key address;
	char name[40];
};

/* A program at an address, once it took a leaf. */
struct program {
	UT_hash_handle hh;
	struct program_key key;
	uint64_t took;
	struct program *prev, *next;
};

struct address {
	UT_hash_handle hh;
	struct address_key key;
	bool has_taken;
	uint64_t took;
	uint64_t used; /* took or refused */
	struct refusal *refusals;
	unsigned n_refusals;
	uint64_t visit; /* see host_count() */
	struct address *prev, *next;
};

struct host {
	UT_hash_handle hh;
	struct refusal *refusals;
	unsigned n_refusals;
	char name[];
};

struct refusal {
	struct host *host;
	struct address *address;
	struct program_key program;
	uint64_t times[PINNED_TIMES]; /* a ring */
	uint64_t n_times;
	struct refusal *prev, *next; /* of all */
	struct refusal *host_prev, *host_next;
	struct refusal *address_prev, *address_next;
};

struct pinned {
	pthread_mutex_t lock; /* of all below */
	struct pinned_options options;
	struct program *programs, *programs_by_age;
	struct address *addresses, *addresses_by_age;
	struct host *hosts;
	struct refusal *refusals;
	unsigned n_refusals;
	uint64_t visits;
};

/* --- records --- */

static void refusal_link(struct pinned *pinned, struct refusal *refusal)
{
	DL_APPEND(pinned->refusals, refusal);
	DL_APPEND2(refusal->host->refusals, refusal, host_prev, host_next);
	DL_APPEND2(refusal->address->refusals, refusal, address_prev, address_next);
	pinned->n_refusals++;
	refusal->host->n_refusals++;
	refusal->address->n_refusals++;
}

static void refusal_unlink(struct pinned *pinned, struct refusal *refusal)
{
	DL_DELETE(pinned->refusals, refusal);
	DL_DELETE2(refusal->host->refusals, refusal, host_prev, host_next);
	DL_DELETE2(refusal->address->refusals, refusal, address_prev, address_next);
	pinned->n_refusals--;
	refusal->host->n_refusals--;
	refusal->address->n_refusals--;
}

static void host_drop_if_empty(struct pinned *pinned, struct host *host)
{
	if (host->n_refusals)
		return;
	HASH_DEL(pinned->hosts, host);
	free(host);
}

static void refusal_drop(struct pinned *pinned, struct refusal *refusal)
{
	refusal_unlink(pinned, refusal);
	host_drop_if_empty(pinned, refusal->host);
	free(refusal);
}

static void program_drop(struct pinned *pinned, struct program *program)
{
	DL_DELETE(pinned->programs_by_age, program);
	HASH_DEL(pinned->programs, program);
	free(program);
}

static void address_drop(struct pinned *pinned, struct address *address)
{
	while (address->refusals)
		refusal_drop(pinned, address->refusals);
	DL_DELETE(pinned->addresses_by_age, address);
	HASH_DEL(pinned->addresses, address);
	free(address);
}

static struct program_key client_key(const struct pinned_client *client)
{
	struct program_key key;
	const uint8_t *bytes;
	size_t n;

	memset(&key, 0, sizeof(key));
	bytes = addr_bytes(&client->address, &n);
	if (bytes) {
		key.address.bytes[0] = (uint8_t)n;
		memcpy(key.address.bytes + 1, bytes, n);
	}
	snprintf(key.name, sizeof(key.name), "%s", client->program);
	return key;
}

static struct program *program_find(struct pinned *pinned, const struct program_key *key)
{
	struct program *program;

	HASH_FIND(hh, pinned->programs, key, sizeof(*key), program);
	return program;
}

static struct address *address_find(struct pinned *pinned, const struct program_key *key)
{
	struct address *address;

	HASH_FIND(hh, pinned->addresses, &key->address, sizeof(key->address), address);
	return address;
}

static struct host *host_find(struct pinned *pinned, const char *name)
{
	struct host *host;

	HASH_FIND_STR(pinned->hosts, name, host);
	return host;
}

static struct refusal *refusal_find(struct pinned *pinned, const struct program_key *key,
				    const char *name)
{
	const struct host *host = host_find(pinned, name);
	struct address *address = host ? address_find(pinned, key) : NULL;
	struct refusal *refusal = address ? address->refusals : NULL;

	while (refusal && (refusal->host != host || memcmp(&refusal->program, key, sizeof(*key))))
		refusal = refusal->address_next;
	return refusal;
}

/* Found or made, and the youngest; NULL: no memory. */
static struct address *address_use(struct pinned *pinned, const struct program_key *key,
				   uint64_t now)
{
	struct address *address = address_find(pinned, key);

	if (address) {
		DL_DELETE(pinned->addresses_by_age, address);
	} else {
		if (HASH_COUNT(pinned->addresses) >= PINNED_ADDRESSES)
			address_drop(pinned, pinned->addresses_by_age);
		address = calloc(1, sizeof(*address));
		if (!address)
			return NULL;
		address->key = key->address;
		HASH_ADD(hh, pinned->addresses, key, sizeof(address->key), address);
		if (!address->hh.tbl) { /* uthash could not grow */
			free(address);
			return NULL;
		}
	}
	DL_APPEND(pinned->addresses_by_age, address);
	address->used = now;
	return address;
}

static struct program *program_use(struct pinned *pinned, const struct program_key *key)
{
	struct program *program = program_find(pinned, key);

	if (program) {
		DL_DELETE(pinned->programs_by_age, program);
	} else {
		if (HASH_COUNT(pinned->programs) >= PINNED_PROGRAMS)
			program_drop(pinned, pinned->programs_by_age);
		program = calloc(1, sizeof(*program));
		if (!program)
			return NULL;
		program->key = *key;
		HASH_ADD(hh, pinned->programs, key, sizeof(program->key), program);
		if (!program->hh.tbl) {
			free(program);
			return NULL;
		}
	}
	DL_APPEND(pinned->programs_by_age, program);
	return program;
}

static struct host *host_make(struct pinned *pinned, const char *name)
{
	struct host *host = host_find(pinned, name);
	size_t n = strlen(name);

	if (host)
		return host;
	host = calloc(1, sizeof(*host) + n + 1);
	if (!host)
		return NULL;
	memcpy(host->name, name, n);
	HASH_ADD_STR(pinned->hosts, name, host);
	if (host->hh.tbl)
		return host;
	free(host);
	return NULL;
}

/* The client's record of the host, the youngest; NULL: no memory. */
static struct refusal *refusal_use(struct pinned *pinned, const struct program_key *key,
				   const char *name, uint64_t now)
{
	struct address *address = address_use(pinned, key, now);
	struct refusal *refusal = refusal_find(pinned, key, name);
	struct host *host;

	if (refusal) {
		refusal_unlink(pinned, refusal);
		refusal_link(pinned, refusal);
		return refusal;
	}
	if (!address)
		return NULL;
	/* Whoever makes room may take its host along: only then look at the host. */
	if (address->n_refusals >= PINNED_ADDRESS_REFUSALS)
		refusal_drop(pinned, address->refusals);
	if (pinned->n_refusals >= PINNED_REFUSALS)
		refusal_drop(pinned, pinned->refusals);
	host = host_make(pinned, name);
	if (!host)
		return NULL;
	if (host->n_refusals >= PINNED_HOST_REFUSALS)
		refusal_drop(pinned, host->refusals);
	refusal = calloc(1, sizeof(*refusal));
	if (!refusal) {
		host_drop_if_empty(pinned, host);
		return NULL;
	}
	refusal->host = host;
	refusal->address = address;
	refusal->program = *key;
	refusal_link(pinned, refusal);
	return refusal;
}

/* --- what they say --- */

static bool is_recent(const struct pinned *pinned, uint64_t then, uint64_t now)
{
	return then >= now || now - then <= pinned->options.window;
}

static void forget_old(struct pinned *pinned, uint64_t now)
{
	while (pinned->addresses_by_age && !is_recent(pinned, pinned->addresses_by_age->used, now))
		address_drop(pinned, pinned->addresses_by_age);
	while (pinned->programs_by_age && !is_recent(pinned, pinned->programs_by_age->took, now))
		program_drop(pinned, pinned->programs_by_age);
}

/* How often within the window. */
static unsigned refusal_count(const struct pinned *pinned, const struct refusal *refusal,
			      uint64_t now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PINNED_TIMES && i < refusal->n_times; i++)
		n += is_recent(pinned, refusal->times[i], now);
	return n;
}

/* Whether whoever refused has our CA. */
static bool is_trusting(struct pinned *pinned, const struct refusal *own, uint64_t now)
{
	const struct address *address = own->address;
	const struct program *program;
	unsigned n = 0;

	if (!address->has_taken || !is_recent(pinned, address->took, now))
		return false;
	program = program_find(pinned, &own->program);
	if (program && is_recent(pinned, program->took, now))
		return true;
	for (struct refusal *r = address->refusals; r; r = r->address_next)
		if (!memcmp(&r->program, &own->program, sizeof(r->program)))
			n += refusal_count(pinned, r, now) > 0;
	return n <= PINNED_REFUSED_HOSTS;
}

static bool is_enough(const struct pinned *pinned, const struct pinned_count *count)
{
	return count->refusals >= pinned->options.refusals &&
	       count->clients >= pinned->options.clients && count->refusals;
}

/* The youngest first, because those count; to the end only if `is_whole`. */
static struct pinned_count host_count(struct pinned *pinned, const struct host *host, uint64_t now,
				      bool is_whole)
{
	struct pinned_count count = { 0, 0 };
	struct refusal *refusal = host->refusals;

	pinned->visits++; /* each address once */
	for (unsigned i = 0; i < host->n_refusals; i++) {
		unsigned n;

		refusal = refusal->host_prev; /* the first one's is the last */
		n = refusal_count(pinned, refusal, now);
		if (!n || !is_trusting(pinned, refusal, now))
			continue;
		count.refusals += n;
		count.clients += refusal->address->visit != pinned->visits;
		refusal->address->visit = pinned->visits;
		if (!is_whole && is_enough(pinned, &count))
			break;
	}
	return count;
}

static bool is_pinned(struct pinned *pinned, const struct refusal *own, uint64_t now)
{
	struct pinned_count count;

	if (!own || !refusal_count(pinned, own, now) || !is_trusting(pinned, own, now))
		return false;
	count = host_count(pinned, own->host, now, false);
	return is_enough(pinned, &count);
}

static enum pinned_finding refuse(struct pinned *pinned, const struct program_key *key,
				  const char *name, uint64_t now, struct pinned_count *count)
{
	bool was_pinned = is_pinned(pinned, refusal_find(pinned, key, name), now);
	struct refusal *own = refusal_use(pinned, key, name, now);

	if (!own) {
		*count = (struct pinned_count){ 0, 0 };
		return PINNED_NOT_YET;
	}
	own->times[own->n_times++ % PINNED_TIMES] = now;
	*count = host_count(pinned, own->host, now, true);
	if (!is_trusting(pinned, own, now))
		return PINNED_UNTRUSTING;
	if (!is_enough(pinned, count))
		return PINNED_NOT_YET;
	return was_pinned ? PINNED_KNOWN : PINNED_NEW;
}

/* --- for all threads --- */

struct pinned *pinned_new(const struct pinned_options *options)
{
	struct pinned *pinned = calloc(1, sizeof(*pinned));

	if (!pinned)
		return NULL;
	pthread_mutex_init(&pinned->lock, NULL);
	pinned->options = *options;
	return pinned;
}

void pinned_free(struct pinned *pinned)
{
	if (!pinned)
		return;
	while (pinned->addresses)
		address_drop(pinned, pinned->addresses);
	while (pinned->programs)
		program_drop(pinned, pinned->programs);
	pthread_mutex_destroy(&pinned->lock);
	free(pinned);
}

void pinned_set_options(struct pinned *pinned, const struct pinned_options *options)
{
	pthread_mutex_lock(&pinned->lock);
	pinned->options = *options;
	pthread_mutex_unlock(&pinned->lock);
}

void pinned_accepted(struct pinned *pinned, const struct pinned_client *client, const char *host,
		     uint64_t now)
{
	struct program_key key = client_key(client);
	struct program *program;
	struct address *address;
	struct refusal *refusal;

	pthread_mutex_lock(&pinned->lock);
	forget_old(pinned, now);
	refusal = refusal_find(pinned, &key, host);
	if (refusal)
		refusal_drop(pinned, refusal);
	address = address_use(pinned, &key, now);
	if (address) {
		address->has_taken = true;
		address->took = now;
	}
	program = program_use(pinned, &key);
	if (program)
		program->took = now;
	pthread_mutex_unlock(&pinned->lock);
}

enum pinned_finding pinned_refused(struct pinned *pinned, const struct pinned_client *client,
				   const char *host, uint64_t now, struct pinned_count *ret_count)
{
	struct program_key key = client_key(client);
	enum pinned_finding finding;

	pthread_mutex_lock(&pinned->lock);
	forget_old(pinned, now);
	finding = refuse(pinned, &key, host, now, ret_count);
	pthread_mutex_unlock(&pinned->lock);
	return finding;
}

bool pinned_is(struct pinned *pinned, const struct pinned_client *client, const char *host,
	       uint64_t now)
{
	struct program_key key = client_key(client);
	bool is;

	pthread_mutex_lock(&pinned->lock);
	is = is_pinned(pinned, refusal_find(pinned, &key, host), now);
	pthread_mutex_unlock(&pinned->lock);
	return is;
}
