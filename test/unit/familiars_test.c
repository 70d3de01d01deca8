/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers as they were, for as long as that is believed. */
#include "test/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "test/unit/scarce.h"
#include "tls/familiars.h"

enum { LIFE = 20000 };

static struct familiars *familiars;
static struct judgement *judgements[2]; /* of two certificates */

static struct judgement *judgement_of(const char *certificate)
{
	struct judgement *judgement = calloc(1, sizeof(*judgement));

	if (judgement)
		*judgement = (struct judgement){ .n_refs = 1,
						 .until = LIFE,
						 .der = { (uint8_t *)strdup(certificate),
							  strlen(certificate) } };
	return judgement;
}

static int setup(void **state)
{
	(void)state;
	familiars = familiars_new();
	judgements[0] = judgement_of("one");
	judgements[1] = judgement_of("two");
	return familiars && judgements[0] && judgements[1] ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	familiars_free(familiars);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(judgements[i]->n_refs, 1); /* nobody else has it any more */
		judgement_unref(judgements[i]);
	}
	return 0;
}

static const struct session_facts facts = { .version = 0x0304, .suite = 0x1301, .alpn = "h2" };

static const uint8_t *key_of(unsigned number)
{
	static uint8_t key[RESUMPTIONS_KEY];

	memcpy(key, &number, sizeof(number));
	return key;
}

static void keep(unsigned place, uint64_t now)
{
	familiars_keep(familiars, key_of(place), &facts, judgements[0], now);
}

static bool is_familiar(unsigned place, uint64_t now)
{
	struct familiar *familiar = familiars_find(familiars, key_of(place), now);

	familiar_unref(familiar);
	return familiar;
}

static void test_facts(void **state)
{
	struct session_facts got;
	struct familiar *familiar;

	(void)state;
	keep(1, 0);
	assert_false(is_familiar(2, 0));
	familiar = familiars_find(familiars, key_of(1), 0);
	assert_non_null(familiar);
	familiars_bar(familiars, key_of(1), 0); /* who has it may go on to use it */
	got = familiar_facts(familiar);
	assert_int_equal(got.version, facts.version);
	assert_int_equal(got.suite, facts.suite);
	assert_string_equal(got.cipher, "TLS_AES_128_GCM_SHA256");
	assert_string_equal(got.alpn, "h2");
	assert_ptr_equal(familiar_judgement(familiar), judgements[0]);
	familiar_unref(familiar);
}

static void test_difference(void **state)
{
	struct session_facts others[] = { facts, facts, facts, facts };
	struct familiar *familiar;

	(void)state;
	keep(1, 0);
	familiar = familiars_find(familiars, key_of(1), 0);
	assert_null(familiar_difference(familiar, &facts, judgements[0]));
	assert_non_null(familiar_difference(familiar, &facts, judgements[1]));
	others[0].version = 0x0303;
	others[1].suite = 0x1302;
	others[2].alpn = "http/1.1";
	others[3].alpn = NULL;
	for (unsigned i = 0; i < 4; i++)
		assert_non_null(familiar_difference(familiar, &others[i], judgements[0]));
	familiar_unref(familiar);
	familiars_keep(familiars, key_of(1), &others[3], judgements[0], 0); /* in its place */
	familiar = familiars_find(familiars, key_of(1), 0);
	assert_null(familiar_difference(familiar, &others[3], judgements[0]));
	assert_non_null(familiar_difference(familiar, &facts, judgements[0]));
	familiar_unref(familiar);
}

/* As long as the latest judgement. */
static void test_life(void **state)
{
	(void)state;
	keep(1, LIFE);
	assert_false(is_familiar(1, LIFE));
	keep(1, 0);
	assert_true(is_familiar(1, LIFE - 1));
	judgements[1]->until = 2 * LIFE;
	familiars_keep(familiars, key_of(1), &facts, judgements[1], 0);
	judgements[1]->until = LIFE - 1; /* an older one, of a session that was resumed */
	familiars_keep(familiars, key_of(1), &facts, judgements[1], 0);
	assert_true(is_familiar(1, 2 * LIFE - 1));
	assert_false(is_familiar(1, 2 * LIFE));
	judgements[0]->until = 0; /* not to be remembered */
	keep(1, 0);
	assert_false(is_familiar(1, 0));
}

static void test_barred(void **state)
{
	(void)state;
	judgements[0]->until = 10 * FAMILIARS_BAR_MS;
	keep(1, 0);
	familiars_bar(familiars, key_of(1), 1000);
	keep(1, 1000);
	assert_false(is_familiar(1, 1000));
	keep(1, 999 + FAMILIARS_BAR_MS);
	assert_false(is_familiar(1, 999 + FAMILIARS_BAR_MS));
	keep(1, 1000 + FAMILIARS_BAR_MS);
	assert_true(is_familiar(1, 1000 + FAMILIARS_BAR_MS));
	familiars_bar(familiars, key_of(2), 0); /* one that was forgotten meanwhile */
	keep(2, 0);
	assert_false(is_familiar(2, 0));
}

static void test_room(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FAMILIARS_MAX; i++)
		keep(i, 0);
	assert_true(is_familiar(0, 0)); /* used again: the next one is the oldest */
	keep(FAMILIARS_MAX, 0);
	assert_true(is_familiar(0, 0));
	assert_false(is_familiar(1, 0));
	assert_true(is_familiar(2, 0));
	assert_true(is_familiar(FAMILIARS_MAX, 0));
}

static void test_scarce(void **state)
{
	unsigned n = 0;

	(void)state;
	for (;;) {
		scarce_begin(++n);
		keep(n, 0);
		familiars_bar(familiars, key_of(n + 1000), 0);
		if (!scarce_end())
			break;
		assert_false(is_familiar(n + 1000, 0));
	}
	assert_true(is_familiar(n, 0));
	assert_in_range(n, 3, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_facts),  TEST(test_difference), TEST(test_life),
		TEST(test_barred), TEST(test_room),       TEST(test_scarce),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
