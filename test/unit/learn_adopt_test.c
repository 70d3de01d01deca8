/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a fleet's bundle brings into what is learned here. */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/learned.h"

static char folder[64];

/* With a store: without one nobody remembers what was forgotten. */
static int setup(void **state)
{
	struct learned_options options = LEARNED_DEFAULTS;
	char path[128];

	(void)state;
	strcpy(folder, "/tmp/postern_adopt_XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/learned.db", folder);
	return learned_open(&options, path, &learned);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	learned_free(learned);
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command);
}

static struct entry told(enum learn_state state, uint32_t decision)
{
	struct entry entry = seen("a.example", "192.0.2.1", LEARN_REQUIRED);

	entry.state = state;
	entry.decision = decision;
	if (entry_is_operators(&entry))
		entry.expires = 0;
	return entry;
}

static void check_adopted(const struct entry *entry, const struct entry *before,
			  enum learn_state state)
{
	struct entry found;

	assert_int_equal(learned_adopt(learned, entry, before), 0);
	assert_int_equal(find_at("a.example", "192.0.2.1", now, &found), LEARNED_FRESH);
	assert_int_equal(found.state, state);
	assert_int_equal(found.expires == 0, entry_is_operators(&found));
}

/* The fleet may change its mind, as often as it wants to. */
static void test_adopt_again(void **state)
{
	const struct entry active = told(LEARN_ACTIVE, 0), forbidden = told(LEARN_FORBIDDEN, 1),
			   approved = told(LEARN_APPROVED, 1);
	struct entry found;

	(void)state;
	check_adopted(&active, NULL, LEARN_ACTIVE);
	assert_int_equal(find_at("a.example", "192.0.2.1", now, &found), LEARNED_FRESH);
	assert_int_equal(found.source, LEARN_FLEET);
	check_adopted(&forbidden, &active, LEARN_FORBIDDEN);
	check_adopted(&approved, &forbidden, LEARN_APPROVED);
	assert_int_equal(find_at("a.example", "192.0.2.1", now, &found), LEARNED_FRESH);
	assert_int_equal(found.decision, 2); /* what knew the other one holds on every box */
	check_adopted(&active, &approved, LEARN_ACTIVE);
	check_adopted(&forbidden, &active, LEARN_FORBIDDEN);
	learned_disown(learned, &forbidden, now + second);
	assert_false(is_known("a.example", "192.0.2.1"));
	learned_disown(learned, &forbidden, now + second); /* there is none */
}

/* The operator of this box has the last word, whatever comes and in whatever order. */
static void test_adopt_not(void **state)
{
	const struct entry active = told(LEARN_ACTIVE, 0), forbidden = told(LEARN_FORBIDDEN, 9),
			   approved = told(LEARN_APPROVED, 9);
	union addr server = address("192.0.2.1", 443);

	(void)state;
	assert_int_equal(order("a.example", "192.0.2.1", LEARN_FORBIDDEN), LEARNED_ADDED);
	check_adopted(&approved, NULL, LEARN_FORBIDDEN);
	check_adopted(&active, &approved, LEARN_FORBIDDEN);
	learned_disown(learned, &approved, now);
	assert_true(is_known("a.example", "192.0.2.1"));
	/* Also about what the fleet had decided. */
	assert_int_equal(learned_forget(learned, "a.example", &server, now), 1);
	check_adopted(&approved, NULL, LEARN_APPROVED);
	assert_int_equal(
		learned_set_state(learned, "a.example", &server, LEARN_FORBIDDEN, now + second), 1);
	check_adopted(&approved, &approved, LEARN_FORBIDDEN);
	assert_int_equal(learned_set_state(learned, "a.example", &server, LEARN_APPROVED, now), 1);
	check_adopted(&forbidden, &active, LEARN_APPROVED);
}

/* Forgotten here, it comes back by what was seen later, or by what the fleet decides anew. */
static void test_adopt_forgotten(void **state)
{
	struct entry active = told(LEARN_ACTIVE, 0), approved = told(LEARN_APPROVED, 1);
	union addr server = address("192.0.2.1", 443);

	(void)state;
	check_adopted(&approved, NULL, LEARN_APPROVED);
	assert_int_equal(learned_forget(learned, "a.example", &server, now + second), 1);
	assert_int_equal(learned_adopt(learned, &approved, &approved), 0);
	assert_false(is_known("a.example", "192.0.2.1"));
	assert_int_equal(learned_adopt(learned, &active, NULL), 0);
	assert_false(is_known("a.example", "192.0.2.1"));
	active.last_seen = now + 2 * second;
	check_adopted(&active, NULL, LEARN_ACTIVE);
	assert_int_equal(learned_forget(learned, "a.example", &server, now + 3 * second), 1);
	check_adopted(&approved, NULL, LEARN_APPROVED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		TEST(test_adopt_again),
		TEST(test_adopt_not),
		TEST(test_adopt_forgotten),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
