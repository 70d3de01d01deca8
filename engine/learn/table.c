/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/table.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "learn/record.h"

/*
 * How it works. A record is an entry without air: texts at their length, 40 % of the size. Shards
 * share the records out by hash: each has a lock, a hash table, and lists of who was used when, one
 * of servers that asked and one of those that did not. Entries of the operator are in neither, as
 * the lists are what makes room: first the second, then the first, but never the first for a
 * newcomer that asked nothing. A small table has one shard, so that its maximum is exact.
 *
 * What the store has to know is in the shard's queue, each record once, in the order of the first
 * change. A record that is gone stays until the queue has been emptied of it: nobody finds it, but
 * an edit meets it, so that what a store tells late cannot bring back what was forgotten.
 */

/* us: hits alone are written no more often */
static const uint64_t hits_every = 60 * 1000000ULL;

struct shard {
	pthread_mutex_t lock;
	struct record *records;
	struct record *asked, *nothing; /* lists, the one used least recently first */
	struct record *queue;
	unsigned n_listed;                              /* in the two lists */
	unsigned n_there;                               /* not gone */
	unsigned n_of[LEARN_N_CLASSES][LEARN_N_STATES]; /* the same, by kind */
	bool has_queue;
	struct table *table;
} __attribute__((aligned(64)));

static void shard_init(struct shard *shard, struct table *table, bool has_queue)
{
	memset(shard, 0, sizeof(*shard));
	shard->table = table;
	shard->has_queue = has_queue;
	pthread_mutex_init(&shard->lock, NULL);
}

int table_init(struct table *table, unsigned max, bool has_store)
{
	unsigned n = max < 64 * TABLE_SHARDS ? 1 : TABLE_SHARDS;

	memset(table, 0, sizeof(*table));
	table->shards = aligned_alloc(_Alignof(struct shard), n * sizeof(struct shard));
	if (!table->shards)
		return -ENOMEM;
	table->n_shards = n;
	table->max = max / n;
	for (unsigned i = 0; i < n; i++)
		shard_init(&table->shards[i], table, has_store);
	return 0;
}

void table_deinit(struct table *table)
{
	for (unsigned i = 0; i < table->n_shards; i++) {
		struct record *record, *next;

		HASH_ITER(hh, table->shards[i].records, record, next)
		{
			HASH_DEL(table->shards[i].records, record);
			record_free(record);
		}
		pthread_mutex_destroy(&table->shards[i].lock);
	}
	free(table->shards);
	memset(table, 0, sizeof(*table));
}

/* The upper half of the hash chooses the shard, the lower one the bucket. */
static struct shard *lock_shard(struct table *table, const struct key *key)
{
	struct shard *shard = &table->shards[(key->hash >> 32) & (table->n_shards - 1)];

	pthread_mutex_lock(&shard->lock);
	return shard;
}

static struct record *record_find(struct shard *shard, const struct key *key)
{
	struct record *record;

	HASH_FIND_BYHASHVALUE(hh, shard->records, key->bytes, key->n, (unsigned)key->hash, record);
	return record;
}

/* --- lists, and how many of each kind there are --- */

/* NULL: it is in none. */
static struct record **list_of(struct shard *shard, const struct record *record)
{
	if (record->gone != GONE_NOT || record_is_operators(record))
		return NULL;
	return record->class == LEARN_NOTHING ? &shard->nothing : &shard->asked;
}

static void list_remove(struct shard *shard, struct record *record)
{
	struct record **list = list_of(shard, record);

	if (record->gone == GONE_NOT)
		shard->n_of[record->class][record->state]--;
	if (!list)
		return;
	DL_DELETE(*list, record);
	shard->n_listed--;
}

static void list_append(struct shard *shard, struct record *record)
{
	struct record **list = list_of(shard, record);

	if (record->gone == GONE_NOT)
		shard->n_of[record->class][record->state]++;
	if (!list)
		return;
	DL_APPEND(*list, record);
	shard->n_listed++;
}

/* --- queue --- */

static void queue_append(struct shard *shard, struct record *record)
{
	if (record->is_queued || !shard->has_queue)
		return;
	DL_APPEND2(shard->queue, record, queue_prev, queue_next);
	record->is_queued = true;
}

static void queue_remove(struct shard *shard, struct record *record)
{
	if (!record->is_queued)
		return;
	DL_DELETE2(shard->queue, record, queue_prev, queue_next);
	record->is_queued = false;
}

/* --- coming and going --- */

/* The hash has one more, or one less. */
static void count_kind(struct shard *shard, const struct record *record, unsigned change)
{
	uint16_t n;
	const char *host = key_host(record->key, record->n, &n);

	if (record->key[2] == 0)
		shard->table->n_any += change;
	if (n > 0 && host[0] == '*')
		shard->table->n_general += change;
}

static void record_drop(struct shard *shard, struct record *record)
{
	queue_remove(shard, record);
	HASH_DEL(shard->records, record);
	count_kind(shard, record, -1U);
	record_free(record);
}

static void record_leave(struct shard *shard, struct record *record, enum gone gone)
{
	list_remove(shard, record);
	if (record->gone == GONE_NOT)
		shard->n_there--;
	record->gone = (uint8_t)gone;
	if (shard->has_queue && (gone == GONE_FORGOTTEN || record->is_stored))
		queue_append(shard, record);
	else
		record_drop(shard, record);
}

/* False: nothing may go for a newcomer of that kind. */
static bool make_room(struct table *table, struct shard *shard, const struct entry *newcomer)
{
	struct record *victim = shard->nothing;

	if (shard->n_listed < table->max || entry_is_operators(newcomer))
		return true;
	if (!victim && entry_has_asked(newcomer))
		victim = shard->asked;
	if (!victim)
		return false;
	record_leave(shard, victim, GONE_EVICTED);
	return true;
}

static struct record *record_add(struct shard *shard, const struct key *key)
{
	struct record *record = calloc(1, sizeof(*record) + key->n);

	if (!record)
		return NULL;
	record->n = key->n;
	memcpy(record->key, key->bytes, key->n);
	record->gone = GONE_EVICTED; /* until it is written */
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, shard->records, record->key, record->n, (unsigned)key->hash,
				    record);
	if (record->hh.tbl) {
		count_kind(shard, record, 1);
		return record;
	}
	free(record); /* uthash could not grow */
	return NULL;
}

/* --- finding --- */

/* It expired so long ago that it does not even serve until it is asked anew. */
static bool is_useless(const struct record *record, uint64_t now, uint64_t keep)
{
	return !record_is_operators(record) && keep > 0 && record->expires > 0 &&
	       now >= record->expires && now - record->expires >= keep;
}

enum table_have table_has(struct table *table, const struct key *key, uint64_t now, uint64_t keep)
{
	struct shard *shard = lock_shard(table, key);
	const struct record *record = record_find(shard, key);
	enum table_have have = TABLE_HAS_ONE;

	if (!record || record->gone != GONE_NOT || is_useless(record, now, keep))
		have = TABLE_HAS_NONE;
	else if (record_is_operators(record))
		have = TABLE_HAS_OPERATORS;
	pthread_mutex_unlock(&shard->lock);
	return have;
}

static enum table_found record_use(struct shard *shard, struct record *record,
				   const struct table_use *use)
{
	record->hits++;
	if (use->now - record->hit_put >= hits_every) {
		record->hit_put = use->now;
		queue_append(shard, record);
	}
	list_remove(shard, record);
	list_append(shard, record);
	if (record->expires == 0 || use->now < record->expires ||
	    use->now - record->asked < use->ask_again)
		return TABLE_FRESH;
	record->asked = use->now;
	return TABLE_STALE;
}

enum table_found table_find(struct table *table, const struct key *key, const struct table_use *use,
			    struct entry *ret_entry)
{
	struct shard *shard = lock_shard(table, key);
	struct record *record = record_find(shard, key);
	enum table_found found = TABLE_NONE;

	if (record && record->gone == GONE_NOT) {
		found = use->is_hit ? record_use(shard, record, use) : TABLE_FRESH;
		record_read(record, ret_entry);
	}
	pthread_mutex_unlock(&shard->lock);
	return found;
}

/* --- editing --- */

/* What the editor gets to see. */
static enum table_was entry_begin(const struct record *record, const struct key *key,
				  struct entry *entry)
{
	memset(entry, 0, sizeof(*entry));
	if (record && record->gone == GONE_NOT) {
		record_read(record, entry);
		return TABLE_WAS_THERE;
	}
	uint16_t n;
	const char *host = key_host(key->bytes, key->n, &n);

	memcpy(entry->host, host, n);
	key_server(key->bytes, &entry->server);
	if (!record)
		return TABLE_WAS_NONE;
	if (record->gone == GONE_EVICTED)
		return TABLE_WAS_EVICTED;
	entry->last_seen = record->last_seen;
	entry->decision = record->decision;
	return TABLE_WAS_GONE;
}

/* The record exists, and perhaps is gone; it becomes what the entry says. */
static int record_set(struct table *table, struct shard *shard, const struct key *key,
		      struct record *record, const struct entry *entry, bool is_put)
{
	bool is_new = !record || record->gone != GONE_NOT;

	if (is_new && !make_room(table, shard, entry))
		return -ENOSPC;
	if (!record)
		record = record_add(shard, key);
	if (!record)
		return -ENOMEM;
	list_remove(shard, record);
	if (record_write(record, entry) < 0) {
		if (is_new && !record->is_queued)
			record_drop(shard, record);
		else
			list_append(shard, record);
		return -ENOMEM;
	}
	record->gone = GONE_NOT;
	record->epoch = table->epoch;
	record->asked = 0; /* it is news: nobody is on the way any more */
	shard->n_there += is_new;
	list_append(shard, record);
	if (is_put)
		queue_append(shard, record);
	else
		record->is_stored = true;
	return 0;
}

/* After the entry itself: whoever sees the number sees the entry. */
static void count_forbid(struct table *table, bool was_forbidden, const struct entry *entry)
{
	if (!was_forbidden && entry->state == LEARN_FORBIDDEN)
		atomic_fetch_add(&table->n_forbids, 1);
}

int table_edit(struct table *table, const struct key *key, table_editor *editor, void *context)
{
	struct shard *shard = lock_shard(table, key);
	struct record *record = record_find(shard, key);
	struct entry entry;
	enum table_was was = entry_begin(record, key, &entry);
	bool was_forbidden = was == TABLE_WAS_THERE && entry.state == LEARN_FORBIDDEN;
	int r = 0;

	switch (editor(context, &entry, was)) {
	case TABLE_KEEP:
		break;
	case TABLE_SEEN:
		if (record)
			record->epoch = table->epoch;
		break;
	case TABLE_PUT:
		r = record_set(table, shard, key, record, &entry, true);
		count_forbid(table, was_forbidden, &entry);
		break;
	case TABLE_SET:
		r = record_set(table, shard, key, record, &entry, false);
		count_forbid(table, was_forbidden, &entry);
		break;
	case TABLE_FORGET:
		if (record) {
			record->last_seen = entry.last_seen;
			record->decision = entry.decision;
			record_leave(shard, record, GONE_FORGOTTEN);
		}
		break;
	case TABLE_REMOVE:
		if (record) {
			record->is_stored = false;
			record_leave(shard, record, GONE_EVICTED);
		}
		break;
	}
	pthread_mutex_unlock(&shard->lock);
	return r;
}

/* --- all of them --- */

/* Adds the servers of one shard to the array. */
static int shard_servers(struct shard *shard, const char *host, union addr **servers, size_t *n)
{
	size_t n_host = strlen(host);
	const struct record *record;

	for (record = shard->records; record; record = record->hh.next) {
		uint16_t n_own;
		const char *own = key_host(record->key, record->n, &n_own);
		union addr *more;

		if (record->gone != GONE_NOT || n_own != n_host || memcmp(own, host, n_host) != 0)
			continue;
		more = realloc(*servers, (*n + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		*servers = more;
		key_server(record->key, &more[(*n)++]);
	}
	return 0;
}

int table_servers(struct table *table, const char *host, union addr **ret_servers, size_t *ret_n)
{
	union addr *servers = NULL;
	size_t n = 0;
	int r = 0;

	for (unsigned i = 0; i < table->n_shards && r == 0; i++) {
		pthread_mutex_lock(&table->shards[i].lock);
		r = shard_servers(&table->shards[i], host, &servers, &n);
		pthread_mutex_unlock(&table->shards[i].lock);
	}
	if (r < 0) {
		free(servers);
		return r;
	}
	*ret_servers = servers;
	*ret_n = n;
	return 0;
}

/* A copy, so that nobody waits while the caller is at work. NULL: -ENOMEM, if there are any. */
static struct entry *shard_copy(struct shard *shard, size_t *ret_n)
{
	struct entry *entries = NULL;
	const struct record *record;
	size_t n = 0;

	pthread_mutex_lock(&shard->lock);
	*ret_n = shard->n_there;
	if (shard->n_there > 0)
		entries = calloc(shard->n_there, sizeof(*entries));
	if (entries)
		for (record = shard->records; record; record = record->hh.next)
			if (record->gone == GONE_NOT)
				record_read(record, &entries[n++]);
	pthread_mutex_unlock(&shard->lock);
	return entries;
}

int table_each(struct table *table, bool (*each)(void *context, const struct entry *entry),
	       void *context)
{
	bool goes_on = true;

	for (unsigned i = 0; i < table->n_shards && goes_on; i++) {
		size_t n;
		struct entry *entries = shard_copy(&table->shards[i], &n);

		if (!entries && n > 0)
			return -ENOMEM;
		for (size_t j = 0; j < n && goes_on; j++)
			goes_on = each(context, &entries[j]);
		free(entries);
	}
	return 0;
}

size_t table_count(struct table *table)
{
	size_t n = 0;

	for (unsigned i = 0; i < table->n_shards; i++) {
		pthread_mutex_lock(&table->shards[i].lock);
		n += table->shards[i].n_there;
		pthread_mutex_unlock(&table->shards[i].lock);
	}
	return n;
}

void table_take_census(struct table *table, struct learned_census *ret_census)
{
	memset(ret_census, 0, sizeof(*ret_census));
	for (unsigned i = 0; i < table->n_shards; i++) {
		struct shard *shard = &table->shards[i];

		pthread_mutex_lock(&shard->lock);
		for (unsigned c = 0; c < LEARN_N_CLASSES; c++)
			for (unsigned s = 0; s < LEARN_N_STATES; s++)
				ret_census->n[c][s] += shard->n_of[c][s];
		pthread_mutex_unlock(&shard->lock);
	}
}

/* --- towards the store --- */

static size_t shard_take(struct shard *shard, struct store_change *changes, size_t max)
{
	size_t n = 0;

	while (shard->queue && n < max) {
		struct record *record = shard->queue;
		struct store_change *change = &changes[n++];

		queue_remove(shard, record);
		record_read(record, &change->entry);
		change->is_gone = record->gone == GONE_FORGOTTEN;
		change->is_evicted = record->gone == GONE_EVICTED;
		if (record->gone == GONE_NOT)
			record->is_stored = true;
		else
			record_drop(shard, record);
	}
	return n;
}

size_t table_take(struct table *table, struct store_change *changes, size_t max)
{
	size_t n = 0;

	/* By turns, or one that is always busy would keep the store from the others. */
	for (unsigned i = 0; i < table->n_shards && n < max; i++) {
		struct shard *shard = &table->shards[table->take_from];

		pthread_mutex_lock(&shard->lock);
		n += shard_take(shard, changes + n, max - n);
		pthread_mutex_unlock(&shard->lock);
		table->take_from = (table->take_from + 1) % table->n_shards;
	}
	return n;
}

void table_begin_seeing(struct table *table)
{
	table->epoch++;
}

void table_queue_unseen(struct table *table)
{
	for (unsigned i = 0; i < table->n_shards; i++) {
		struct shard *shard = &table->shards[i];
		struct record *record;

		pthread_mutex_lock(&shard->lock);
		for (record = shard->records; record; record = record->hh.next)
			if (record->epoch != table->epoch)
				queue_append(shard, record);
		pthread_mutex_unlock(&shard->lock);
	}
}
