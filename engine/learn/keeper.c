/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/keeper.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/*
 * How it works. The thread empties the table's queue into the store, at regular times, and brings
 * what the store tells into the table. A batch that the store did not take is kept and tried again
 * before anything newer: so the store sees changes in their order.
 *
 * A store that was lost (the connection, or a broken file) is opened again, given what waits,
 * then loaded whole; what it lacks, or knows less of, is queued. So two boxes that were apart are
 * the same afterwards, and a new file becomes as full as the old one was. To write before loading
 * matters: or the store would tell again what the operator just had forgotten.
 */

enum {
	FIRST_LOAD_S = 10, /* how long a start waits for it */
	RETRY_MIN_MS = 500,
	RETRY_MAX_MS = 15000,
	LAST_WRITE_US = 10000000, /* how long an end waits for what is left */
};

struct keeper {
	struct table *table;
	struct store *store;
	uint64_t write_every; /* us */
	struct learned_listener listener;
	pthread_t thread;
	int wake; /* eventfd: it is to end */
	atomic_bool is_stopping;
	atomic_bool is_stored; /* the last attempt worked */

	pthread_mutex_t lock;
	pthread_cond_t tried_changed;
	bool tried; /* loaded, or failed to */

	/* The thread's own. */
	uint64_t end_by; /* the last writes; 0: it goes on */
	bool is_loaded;
	bool was_loaded; /* once: what comes now is news */
	bool is_failing; /* and that was logged */
	unsigned retry;  /* ms */
	size_t n_batch;  /* changes that the store has not taken yet */
	struct store_change batch[STORE_BATCH];
};

/* --- from the store to the table --- */

struct heard {
	const struct store_change *change;
	bool is_shared;
	bool is_decision; /* of the operator, who did not tell this process: */
	struct entry decided;
};

static enum table_verdict hear_gone(struct heard *heard, const struct entry *entry,
				    enum table_was was)
{
	if (was != TABLE_WAS_THERE)
		return TABLE_KEEP;
	if (entry_outlives(entry, &heard->change->entry))
		return TABLE_PUT;
	heard->is_decision = true;
	heard->decided = *entry;
	return TABLE_REMOVE;
}

static void note_decision(struct heard *heard, const struct entry *entry, uint32_t before)
{
	heard->is_decision = entry_is_operators(entry) && entry->decision > before;
	heard->decided = *entry;
}

static enum table_verdict hear_entry(struct heard *heard, struct entry *entry, enum table_was was)
{
	struct entry told = heard->change->entry, before = *entry;

	if (was == TABLE_WAS_EVICTED && !entry_is_operators(&told))
		return TABLE_KEEP;
	if (was == TABLE_WAS_GONE && !entry_outlives(&told, entry))
		return TABLE_KEEP;
	if (heard->is_shared && told.source != LEARN_OPERATOR)
		told.source = LEARN_FLEET;
	if (was != TABLE_WAS_THERE) {
		*entry = told;
		note_decision(heard, entry, 0);
		return TABLE_SET;
	}
	entry_merge(entry, &told);
	note_decision(heard, entry, before.decision);
	if (!entry_equal(entry, &told))
		return TABLE_PUT;
	return entry_equal(entry, &before) ? TABLE_SEEN : TABLE_SET;
}

static enum table_verdict hear_edit(void *context, struct entry *entry, enum table_was was)
{
	struct heard *heard = context;

	if (heard->change->is_gone)
		return hear_gone(heard, entry, was);
	return hear_entry(heard, entry, was);
}

static void hear(void *context, const struct store_change *change)
{
	struct keeper *keeper = context;
	struct heard heard = { .change = change, .is_shared = keeper->store->is_shared };
	struct key key;

	key_make(&key, change->entry.host, &change->entry.server);
	(void)table_edit(keeper->table, &key, hear_edit, &heard); /* a full table is no fault */
	if (heard.is_decision && keeper->was_loaded && keeper->listener.decided)
		keeper->listener.decided(keeper->listener.context, &heard.decided, change->is_gone);
}

/* --- from the table to the store --- */

static enum store_result write_queue(struct keeper *keeper)
{
	struct store *store = keeper->store;

	for (;;) {
		enum store_result result;

		if (keeper->n_batch == 0)
			keeper->n_batch = table_take(keeper->table, keeper->batch, STORE_BATCH);
		if (keeper->n_batch == 0)
			return STORE_DONE;
		result = store->ops->write(store, keeper->batch, keeper->n_batch, hear, keeper);
		if (result != STORE_DONE)
			return result;
		keeper->n_batch = 0;
		if (keeper->end_by > 0 && clock_us() > keeper->end_by)
			return STORE_DONE;
	}
}

static enum store_result load(struct keeper *keeper)
{
	struct store *store = keeper->store;
	enum store_result result = store->ops->open(store);

	if (result == STORE_DONE)
		result = write_queue(keeper);
	if (result != STORE_DONE)
		return result;
	table_begin_seeing(keeper->table);
	result = store->ops->load(store, hear, keeper);
	if (result != STORE_DONE)
		return result;
	table_queue_unseen(keeper->table);
	keeper->is_loaded = keeper->was_loaded = true;
	return write_queue(keeper);
}

static enum store_result turn(struct keeper *keeper)
{
	struct store *store = keeper->store;
	enum store_result result = STORE_DONE;

	if (!keeper->is_loaded)
		return load(keeper);
	if (store->ops->listen)
		result = store->ops->listen(store, hear, keeper);
	return result == STORE_DONE ? write_queue(keeper) : result;
}

/* --- the thread --- */

static void report(struct keeper *keeper, enum store_result result)
{
	bool is_failing = result != STORE_DONE;

	atomic_store(&keeper->is_stored, !is_failing);
	if (is_failing && !keeper->is_failing)
		log_error("learned servers are kept in memory only, their store fails: %s",
			  keeper->store->error);
	else if (!is_failing && keeper->is_failing)
		log_info("the store of learned servers works again");
	keeper->is_failing = is_failing;
	if (result == STORE_LOST)
		keeper->is_loaded = false;
	if (!is_failing)
		keeper->retry = RETRY_MIN_MS;
	else
		keeper->retry = keeper->retry * 2 < RETRY_MAX_MS ? keeper->retry * 2 : RETRY_MAX_MS;
}

static void tell_tried(struct keeper *keeper)
{
	pthread_mutex_lock(&keeper->lock);
	keeper->tried = true;
	pthread_cond_signal(&keeper->tried_changed);
	pthread_mutex_unlock(&keeper->lock);
}

/* Until the next turn, or until others have news. */
static void rest(struct keeper *keeper)
{
	const struct store_ops *ops = keeper->store->ops;
	uint64_t us = keeper->is_failing ? keeper->retry * 1000ULL : keeper->write_every;
	struct timespec time = { .tv_sec = (time_t)(us / 1000000),
				 .tv_nsec = (long)(us % 1000000) * 1000 };
	struct pollfd fds[] = {
		{ .fd = keeper->wake, .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};

	if (!keeper->is_failing && ops->descriptor)
		fds[1].fd = ops->descriptor(keeper->store);
	(void)ppoll(fds, 2, &time, NULL);
}

static void *run(void *context)
{
	struct keeper *keeper = context;

	while (!atomic_load(&keeper->is_stopping)) {
		report(keeper, turn(keeper));
		tell_tried(keeper);
		rest(keeper);
	}
	keeper->end_by = clock_us() + LAST_WRITE_US;
	if (!keeper->is_failing)
		report(keeper, turn(keeper));
	return NULL;
}

/* --- start and end --- */

static void keeper_free(struct keeper *keeper)
{
	if (keeper->wake >= 0)
		close(keeper->wake);
	store_free(keeper->store);
	pthread_mutex_destroy(&keeper->lock);
	pthread_cond_destroy(&keeper->tried_changed);
	free(keeper);
}

static void await_tried(struct keeper *keeper)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FIRST_LOAD_S;
	pthread_mutex_lock(&keeper->lock);
	while (!keeper->tried &&
	       pthread_cond_timedwait(&keeper->tried_changed, &keeper->lock, &until) == 0)
		;
	pthread_mutex_unlock(&keeper->lock);
}

int keeper_start(struct table *table, struct store *store, uint64_t write_every,
		 const struct learned_listener *listener, struct keeper **ret_keeper)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	sigset_t all, before;
	int r;

	if (!keeper) {
		store_free(store);
		return -ENOMEM;
	}
	keeper->table = table;
	keeper->store = store;
	keeper->write_every = write_every;
	keeper->listener = *listener;
	keeper->retry = RETRY_MIN_MS;
	pthread_mutex_init(&keeper->lock, NULL);
	pthread_cond_init(&keeper->tried_changed, NULL);
	keeper->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigfillset(&all); /* signals are for others, and SIGPIPE is not for a library's socket */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = keeper->wake < 0 ? -errno : -pthread_create(&keeper->thread, NULL, run, keeper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0) {
		keeper_free(keeper);
		return r;
	}
	await_tried(keeper);
	*ret_keeper = keeper;
	return 0;
}

bool keeper_stop(struct keeper *keeper)
{
	bool is_stored;

	if (!keeper)
		return true;
	atomic_store(&keeper->is_stopping, true);
	(void)eventfd_write(keeper->wake, 1);
	pthread_join(keeper->thread, NULL);
	is_stored = keeper_is_stored(keeper);
	keeper_free(keeper);
	return is_stored;
}

bool keeper_is_stored(struct keeper *keeper)
{
	return atomic_load(&keeper->is_stored);
}
