/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_TABLE_H
#define POSTERN_LEARN_TABLE_H

#include <stdatomic.h>
#include <stddef.h>

#include "learn/census.h"
#include "learn/key.h"
#include "learn/store.h"

/*
 * The entries in memory, and the queue of those that the store has not seen. Any thread may call.
 * What entries mean is the caller's affair: all changes go through table_edit().
 */

enum { TABLE_SHARDS = 64 };

struct shard;

struct table {
	struct shard *shards;
	unsigned n_shards; /* a power of two */
	unsigned max;      /* per shard; entries of the operator do not count */
	/* Entries for any address, generalised ones: without such nobody looks for them. */
	atomic_uint n_any, n_general;
	atomic_uint n_forbids; /* how often an entry became forbidden */
	atomic_uint epoch;     /* see table_queue_unseen() */
	unsigned take_from;    /* the shard whose turn it is; table_take()'s own */
};

/* Without a store nothing is queued for it. 0 or -ENOMEM. */
int table_init(struct table *table, unsigned max, bool has_store);
void table_deinit(struct table *table);

enum table_have { TABLE_HAS_NONE, TABLE_HAS_ONE, TABLE_HAS_OPERATORS };

/*
 * Whether there is an entry that still serves. Those that are not the operator's serve until `keep`
 * us after their expiry (0: for ever).
 */
enum table_have table_has(struct table *table, const struct key *key, uint64_t now, uint64_t keep);

struct table_use {
	uint64_t now;
	uint64_t ask_again;
	bool is_hit; /* else nothing is counted and nobody asked */
};

enum table_found { TABLE_NONE, TABLE_FRESH, TABLE_STALE };

/* STALE: it expired, and nobody was told so within `ask_again` us. */
enum table_found table_find(struct table *table, const struct key *key, const struct table_use *use,
			    struct entry *ret_entry);

enum table_verdict {
	TABLE_KEEP,   /* as it was */
	TABLE_SEEN,   /* as it was, and the store knows */
	TABLE_PUT,    /* changed, or added: the store has to know */
	TABLE_SET,    /* the same, and the store knows */
	TABLE_FORGET, /* gone, and the store has to know; the entry says when, by which decision */
	TABLE_REMOVE, /* gone, and the store knows */
};

enum table_was {
	TABLE_WAS_NONE,    /* the entry is zero, but for host and server */
	TABLE_WAS_GONE,    /* the same, but for last_seen and decision of what had it forgotten */
	TABLE_WAS_EVICTED, /* the same as NONE */
	TABLE_WAS_THERE,
};

/* Changes the entry in place, and says what to do; called under a lock. */
typedef enum table_verdict table_editor(void *context, struct entry *entry, enum table_was was);

/* 0; -ENOSPC: no room for a new entry; -ENOMEM. */
int table_edit(struct table *table, const struct key *key, table_editor *editor, void *context);

/* The servers that have entries of this host, in an array to be freed. 0 or -ENOMEM. */
int table_servers(struct table *table, const char *host, union addr **ret_servers, size_t *ret_n);
/* Copies of each entry, in no order, until the callback says false. 0 or -ENOMEM. */
int table_each(struct table *table, bool (*each)(void *context, const struct entry *entry),
	       void *context);
size_t table_count(struct table *table);
void table_take_census(struct table *table, struct learned_census *ret_census);

/* --- towards the store: one thread at a time --- */

/* At most `max` changes that the store has to know; they leave the queue. */
size_t table_take(struct table *table, struct store_change *changes, size_t max);
/*
 * To find what a store lacks: begin, then table_edit() what it has, then queue all entries that
 * were not edited since.
 */
void table_begin_seeing(struct table *table);
void table_queue_unseen(struct table *table);

#endif
