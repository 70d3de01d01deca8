/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The census is kept beside the entries: whatever happens to them, it must say what is there. */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learn/learn.h"

enum { HOSTS = 40, STEPS = 20000, ROOM = 25 };

static bool tally(void *context, const struct entry *entry)
{
	struct learned_census *census = context;

	census->n[entry->class][entry->state]++;
	return true;
}

static void check(struct learned *learned)
{
	struct learned_census kept, counted = { 0 };

	learned_take_census(learned, &kept);
	assert_int_equal(learned_each(learned, tally, &counted), 0);
	assert_memory_equal(&kept, &counted, sizeof(kept));
}

static struct entry any_entry(uint64_t now)
{
	struct entry entry = { .class = (enum learn_class)(random() % LEARN_N_CLASSES),
			       .state = (enum learn_state)(random() % LEARN_N_STATES),
			       .source = (enum learn_source)(random() % LEARN_N_SOURCES),
			       .first_seen = now,
			       .last_seen = now,
			       .expires = now + 1000 };

	snprintf(entry.host, sizeof(entry.host), "host%ld.example", random() % HOSTS);
	assert_true(addr_parse("192.0.2.1", 443, &entry.server));
	return entry;
}

static void step(struct learned *learned, uint64_t now)
{
	struct entry entry = any_entry(now), found;

	switch (random() % 5) {
	case 0:
	case 1:
		(void)learned_note(learned, &entry, NULL, false, NULL);
		break;
	case 2:
		(void)learned_find(learned, entry.host, &entry.server, now, &found);
		break;
	case 3:
		(void)learned_set_state(learned, entry.host, NULL, entry.state, now);
		break;
	case 4:
		if (random() % 2)
			(void)learned_forget(learned, entry.host, NULL, now);
		else
			(void)learned_import(learned, &entry);
		break;
	}
}

static void walk(const char *store)
{
	struct learned_options options = LEARNED_DEFAULTS;
	struct learned *learned;

	options.max = ROOM;
	assert_int_equal(learned_open(&options, store, &learned), 0);
	srandom(1);
	for (unsigned i = 0; i < STEPS; i++) {
		step(learned, 1000000 + i);
		check(learned);
	}
	assert_true(learned_count(learned) > 0);
	learned_free(learned);
}

static void test_in_memory(void **state)
{
	(void)state;
	walk("none");
}

/* What is gone stays for a while, until the store knows. */
static void test_with_a_store(void **state)
{
	char path[] = "/tmp/learn_census_test.XXXXXX", file[64], more[80];

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(file, sizeof(file), "%s/learned.db", path);
	/* Its thread hears nothing new from a file that nobody else writes. */
	walk(file);
	assert_int_equal(remove(file), 0);
	snprintf(more, sizeof(more), "%s-wal", file);
	(void)remove(more);
	snprintf(more, sizeof(more), "%s-shm", file);
	(void)remove(more);
	assert_int_equal(remove(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_in_memory),
					    cmocka_unit_test(test_with_a_store) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
