/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The thread between table and store, with a store that does what the test says. */
#include "test/unit/cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "learn/keeper.h"

enum { HELD_MAX = 2000 };

/* All that a test looks at while the thread runs is under the lock. */
static struct {
	struct store store;
	pthread_mutex_t lock;
	enum store_result result; /* of whatever is asked next */
	bool is_open;
	unsigned n_opened, n_loaded, n_writes;
	struct store_change held[HELD_MAX];
	unsigned n_held;
	struct store_change news[4]; /* from elsewhere */
	unsigned n_news;
	char decided[256]; /* what the listener heard: "a.example forbidden;" */
} fake;

static struct table table;
static struct keeper *keeper;

static enum store_result answer(void)
{
	if (fake.result == STORE_LOST)
		fake.is_open = false;
	snprintf(fake.store.error, STORE_ERROR_MAX, "as the test wants it");
	return fake.result;
}

static enum store_result fake_open(struct store *store)
{
	enum store_result result;

	(void)store;
	pthread_mutex_lock(&fake.lock);
	result = answer();
	fake.n_opened += !fake.is_open && result == STORE_DONE;
	fake.is_open = result == STORE_DONE;
	pthread_mutex_unlock(&fake.lock);
	return result;
}

static enum store_result fake_load(struct store *store, store_hear *hear, void *context)
{
	enum store_result result;

	(void)store;
	pthread_mutex_lock(&fake.lock);
	result = answer();
	for (unsigned i = 0; i < fake.n_held && result == STORE_DONE; i++)
		hear(context, &fake.held[i]);
	fake.n_loaded += result == STORE_DONE;
	pthread_mutex_unlock(&fake.lock);
	return result;
}

static void hold(const struct store_change *change)
{
	unsigned i = 0;

	while (i < fake.n_held && (strcmp(fake.held[i].entry.host, change->entry.host) != 0 ||
				   !addr_equal(&fake.held[i].entry.server, &change->entry.server)))
		i++;
	if (change->is_gone || change->is_evicted) {
		if (i < fake.n_held)
			fake.held[i] = fake.held[--fake.n_held];
		return;
	}
	if (i == fake.n_held)
		fake.n_held++;
	fake.held[i] = *change;
}

static enum store_result fake_write(struct store *store, const struct store_change *changes,
				    size_t n, store_hear *hear, void *context)
{
	enum store_result result;

	(void)store;
	(void)hear;
	(void)context;
	pthread_mutex_lock(&fake.lock);
	result = answer();
	for (size_t i = 0; i < n && result == STORE_DONE; i++)
		hold(&changes[i]);
	fake.n_writes++;
	pthread_mutex_unlock(&fake.lock);
	return result;
}

static enum store_result fake_listen(struct store *store, store_hear *hear, void *context)
{
	enum store_result result;

	(void)store;
	pthread_mutex_lock(&fake.lock);
	result = answer();
	if (result == STORE_DONE)
		while (fake.n_news > 0)
			hear(context, &fake.news[--fake.n_news]);
	pthread_mutex_unlock(&fake.lock);
	return result;
}

static void fake_free(struct store *store)
{
	(void)store;
}

static const struct store_ops ops = { .open = fake_open,
				      .load = fake_load,
				      .write = fake_write,
				      .listen = fake_listen,
				      .free = fake_free };

/* By the thread, which holds the lock then. */
static void decided(void *context, const struct entry *entry, bool is_forgotten)
{
	size_t n = strlen(fake.decided);

	assert_ptr_equal(context, &fake);
	snprintf(fake.decided + n, sizeof(fake.decided) - n, "%s %s;", entry->host,
		 is_forgotten ? "forgotten" : learn_state_text(entry->state));
}

static const struct learned_listener listener = { decided, &fake };

static void start(void)
{
	assert_int_equal(keeper_start(&table, &fake.store, 2000, &listener, &keeper), 0);
}

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.store.ops = &ops;
	pthread_mutex_init(&fake.lock, NULL);
	keeper = NULL;
	return table_init(&table, 1000, true);
}

static int teardown(void **state)
{
	(void)state;
	keeper_stop(keeper);
	table_deinit(&table);
	return 0;
}

static struct entry make(const char *host, uint64_t last_seen)
{
	struct entry entry = { .first_seen = last_seen,
			       .last_seen = last_seen,
			       .expires = last_seen + 1000 };

	snprintf(entry.host, sizeof(entry.host), "%s", host);
	assert_true(addr_parse("192.0.2.1", 443, &entry.server));
	return entry;
}

static enum table_verdict put_edit(void *context, struct entry *entry, enum table_was was)
{
	(void)was;
	*entry = *(const struct entry *)context;
	return TABLE_PUT;
}

static enum table_verdict forget_edit(void *context, struct entry *entry, enum table_was was)
{
	(void)was;
	entry->last_seen = *(const uint64_t *)context;
	entry->decision++;
	return TABLE_FORGET;
}

static void edit(const char *host, table_editor *editor, void *context)
{
	struct entry entry = make(host, 0);
	struct key key;

	key_make(&key, host, &entry.server);
	assert_int_equal(table_edit(&table, &key, editor, context), 0);
}

static void put(struct entry entry)
{
	edit(entry.host, put_edit, &entry);
}

static void forget(const char *host, uint64_t when)
{
	edit(host, forget_edit, &when);
}

static bool get(const char *host, struct entry *ret_entry)
{
	struct entry entry = make(host, 0);
	struct table_use use = { .now = 1 };
	struct key key;

	key_make(&key, host, &entry.server);
	return table_find(&table, &key, &use, ret_entry) != TABLE_NONE;
}

static bool has(const char *host)
{
	struct entry entry;

	return get(host, &entry);
}

static void answers(enum store_result result)
{
	pthread_mutex_lock(&fake.lock);
	fake.result = result;
	pthread_mutex_unlock(&fake.lock);
}

/* What the store holds of the host: last_seen; 0: nothing. */
static uint64_t held(const char *host)
{
	uint64_t last_seen = 0;

	pthread_mutex_lock(&fake.lock);
	for (unsigned i = 0; i < fake.n_held; i++)
		if (strcmp(fake.held[i].entry.host, host) == 0)
			last_seen = fake.held[i].entry.last_seen;
	pthread_mutex_unlock(&fake.lock);
	return last_seen;
}

#define await(condition)                                                                           \
	do {                                                                                       \
		unsigned tries = 0;                                                                \
		while (!(condition)) {                                                             \
			assert_true(tries++ < 20000);                                              \
			usleep(1000);                                                              \
		}                                                                                  \
	} while (0)

static void test_load_and_write(void **state)
{
	(void)state;
	fake.held[fake.n_held++].entry = make("old.example", 5);
	start();
	assert_true(has("old.example")); /* before the start returned */
	assert_true(keeper_is_stored(keeper));
	put(make("new.example", 6));
	await(held("new.example") == 6);
	put(make("new.example", 7));
	await(held("new.example") == 7);
	forget("old.example", 8);
	assert_false(has("old.example"));
	await(held("old.example") == 0);
	put(make("last.example", 9));
	keeper_stop(keeper);
	keeper = NULL;
	assert_int_equal(held("last.example"), 9);
}

/* A batch that was not taken is tried again, in its order. */
static void test_later(void **state)
{
	(void)state;
	start();
	answers(STORE_LATER);
	for (unsigned i = 0; i < 600; i++) {
		char host[32];

		snprintf(host, sizeof(host), "h%u.example", i);
		put(make(host, 1 + i));
	}
	await(!keeper_is_stored(keeper));
	put(make("h0.example", 1000));
	forget("h1.example", 1001);
	forget("h2.example", 1001);
	put(make("h2.example", 1002));
	assert_int_equal(held("h0.example"), 0);
	answers(STORE_DONE);
	await(keeper_is_stored(keeper));
	await(held("h599.example") == 600 && held("h0.example") == 1000);
	await(held("h1.example") == 0 && held("h2.example") == 1002);
	assert_int_equal(fake.n_opened, 1);
}

/* A new, empty store is filled from memory. */
static void test_lost(void **state)
{
	(void)state;
	start();
	put(make("a.example", 1));
	put(make("b.example", 1));
	await(held("b.example"));
	answers(STORE_LOST);
	await(!keeper_is_stored(keeper));
	forget("b.example", 2);
	put(make("c.example", 3));
	pthread_mutex_lock(&fake.lock);
	fake.n_held = 0;
	fake.result = STORE_DONE;
	pthread_mutex_unlock(&fake.lock);
	await(held("a.example") && held("c.example"));
	assert_int_equal(held("b.example"), 0);
	assert_false(has("b.example"));
	assert_int_equal(fake.n_opened, 2);
}

/* The store is the same again: what was forgotten meanwhile does not come back from it. */
static void test_forgotten_stays(void **state)
{
	(void)state;
	start();
	put(make("a.example", 1));
	await(held("a.example"));
	answers(STORE_LOST);
	await(!keeper_is_stored(keeper));
	forget("a.example", 2);
	answers(STORE_DONE);
	await(keeper_is_stored(keeper));
	await(held("a.example") == 0);
	assert_false(has("a.example"));
	assert_int_equal(fake.n_held, 0);
}

static void test_news(void **state)
{
	struct entry found, own = make("own.example", 10);

	(void)state;
	fake.store.is_shared = true;
	start();
	own.state = LEARN_FORBIDDEN;
	own.decision = 1;
	put(own);
	put(make("gone.example", 10));
	put(make("newer.example", 30));
	pthread_mutex_lock(&fake.lock);
	fake.news[0].entry = make("new.example", 20);
	fake.news[1].entry = make("own.example", 20); /* newer evidence, no decision */
	fake.news[2].entry = make("gone.example", 20);
	fake.news[2].is_gone = true;
	fake.news[3].entry = make("newer.example", 20);
	fake.news[3].is_gone = true;
	fake.n_news = 4;
	pthread_mutex_unlock(&fake.lock);
	await(has("new.example"));
	assert_true(get("new.example", &found));
	assert_int_equal(found.source, LEARN_FLEET);
	assert_true(get("own.example", &found));
	assert_int_equal(found.state, LEARN_FORBIDDEN);
	assert_int_equal(found.last_seen, 20);
	assert_int_equal(found.expires, 0);
	assert_false(has("gone.example"));
	assert_true(has("newer.example"));
	await(held("own.example") == 20); /* the others are told what holds */
	assert_int_equal(held("new.example"), 0);
}

/* Only what is new, and what the operator did. */
static void test_decisions(void **state)
{
	struct entry old = make("old.example", 5), bad = make("bad.example", 6);

	(void)state;
	old.state = LEARN_APPROVED;
	bad.state = LEARN_FORBIDDEN;
	old.decision = bad.decision = 1;
	fake.held[fake.n_held++].entry = old;
	start();
	put(make("gone.example", 10));
	old.last_seen = 20;
	pthread_mutex_lock(&fake.lock);
	fake.news[0].entry = make("seen.example", 20);
	fake.news[1].entry = make("gone.example", 20);
	fake.news[1].is_gone = true;
	fake.news[2].entry = bad;
	fake.news[3].entry = old;
	fake.n_news = 4;
	pthread_mutex_unlock(&fake.lock);
	await(has("seen.example"));
	pthread_mutex_lock(&fake.lock);
	assert_string_equal(fake.decided, "bad.example forbidden;gone.example forgotten;");
	old.state = LEARN_FORBIDDEN;
	old.decision = 2;
	fake.news[0].entry = old;
	fake.n_news = 1;
	*fake.decided = '\0';
	pthread_mutex_unlock(&fake.lock);
	await(held("old.example") && get("old.example", &old) && old.decision == 2);
	pthread_mutex_lock(&fake.lock);
	assert_string_equal(fake.decided, "old.example forbidden;");
	pthread_mutex_unlock(&fake.lock);
}

static void test_no_store_at_start(void **state)
{
	(void)state;
	fake.result = STORE_LOST;
	fake.held[fake.n_held++].entry = make("old.example", 5);
	start(); /* does not wait for it */
	assert_false(keeper_is_stored(keeper));
	put(make("new.example", 6));
	answers(STORE_DONE);
	await(has("old.example") && held("new.example"));
}

/* Those that lack room go from the store as well; those the store never had need no word. */
static void test_evicted(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 1500; i++) {
		char host[32];

		snprintf(host, sizeof(host), "h%u.example", i);
		put(make(host, 1 + i));
		if (i == 700)
			await(held("h700.example"));
	}
	await(held("h1499.example") && !held("h499.example"));
	await(held("h500.example"));
	keeper_stop(keeper);
	keeper = NULL;
	assert_int_equal(fake.n_held, 1000);
	assert_int_equal(table_count(&table), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_load_and_write),  TEST(test_later),     TEST(test_lost),
		TEST(test_forgotten_stays), TEST(test_news),      TEST(test_no_store_at_start),
		TEST(test_evicted),         TEST(test_decisions),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
