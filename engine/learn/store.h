/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_STORE_H
#define POSTERN_LEARN_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "learn/entry.h"

/*
 * Where entries outlive the process. One thread uses a store, and only that thread waits for it.
 * Memory is what decides connections; a store is told what changed there, and tells what others
 * changed.
 */

struct store_change {
	struct entry entry;
	bool is_gone; /* forgotten by the operator, at last_seen, by that decision */
	/*
	 * Gone from this box's memory for want of room: a store of this box alone drops it, one
	 * that several share keeps it for those who have it.
	 */
	bool is_evicted;
};

enum store_result {
	STORE_DONE,
	STORE_LATER, /* nothing is lost, nothing was done; the same may work later */
	STORE_LOST,  /* the connection, or the file: open again, write, and load */
};

/* Something that the store has. */
typedef void store_hear(void *context, const struct store_change *change);

enum { STORE_ERROR_MAX = 512, STORE_BATCH = 1024 };

struct store;

struct store_ops {
	/* Connects, creates what is missing. DONE at once when it is open. */
	enum store_result (*open)(struct store *store);
	/* Tells of each entry there is. */
	enum store_result (*load)(struct store *store, store_hear *hear, void *context);
	/*
	 * All of them or none, STORE_BATCH at most. An entry that the store knows a better account
	 * of is told back. Writing the same again does no harm.
	 */
	enum store_result (*write)(struct store *store, const struct store_change *changes,
				   size_t n, store_hear *hear, void *context);
	/* The descriptor on which others' changes come, or -1. */
	int (*descriptor)(struct store *store);
	/* Called when that is readable, and now and then when not: tells what others changed. */
	enum store_result (*listen)(struct store *store, store_hear *hear, void *context);
	void (*free)(struct store *store);
};

struct store {
	const struct store_ops *ops;
	bool is_shared;              /* by several boxes */
	char error[STORE_ERROR_MAX]; /* why it was not DONE, for people */
};

/*
 * As learned_open() says; *ret_store is NULL for "none". Nothing is opened yet. `keep`: us after
 * its expiry that an entry is of use, 0: for ever. 0, -EINVAL or -ENOMEM.
 */
int store_new(const char *url, uint64_t keep, struct store **ret_store);
void store_free(struct store *store);

/* The back ends; -EINVAL: the URL makes no sense. */
int store_sqlite_new(const char *path, struct store **ret_store);
int store_redis_new(const char *url, uint64_t keep, struct store **ret_store);

#endif
