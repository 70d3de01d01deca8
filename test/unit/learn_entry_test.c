/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "learn/entry.h"

static struct entry make(uint64_t last_seen, enum learn_state state, uint32_t decision)
{
	struct entry entry = { .host = "a.example",
			       .class = LEARN_ASKED,
			       .state = state,
			       .first_seen = last_seen,
			       .last_seen = last_seen,
			       .expires = last_seen + 100,
			       .decision = decision };

	assert_true(addr_parse("192.0.2.1", 443, &entry.server));
	if (entry_is_operators(&entry))
		entry.expires = 0;
	return entry;
}

/* The same in both orders, and again with itself. */
static struct entry merge(struct entry a, struct entry b)
{
	struct entry one = a, other = b, again;

	entry_merge(&one, &b);
	entry_merge(&other, &a);
	assert_true(entry_equal(&one, &other));
	again = one;
	entry_merge(&again, &a);
	entry_merge(&again, &b);
	entry_merge(&again, &one);
	assert_true(entry_equal(&one, &again));
	return one;
}

static void test_words(void **state)
{
	enum learn_class class;
	enum learn_state own_state;
	enum learn_source source;

	(void)state;
	for (int i = 0; i < LEARN_N_CLASSES; i++) {
		assert_true(learn_class_read(learn_class_text((enum learn_class)i), &class));
		assert_int_equal(class, i);
	}
	for (int i = 0; i < LEARN_N_STATES; i++) {
		assert_true(learn_state_read(learn_state_text((enum learn_state)i), &own_state));
		assert_int_equal(own_state, i);
	}
	for (int i = 0; i < LEARN_N_SOURCES; i++) {
		assert_true(learn_source_read(learn_source_text((enum learn_source)i), &source));
		assert_int_equal(source, i);
	}
	assert_false(learn_class_read("Asked", &class));
	assert_false(learn_state_read("", &own_state));
	assert_false(learn_source_read("probes", &source));
}

static void test_newest_evidence(void **state)
{
	struct entry a = make(10, LEARN_ACTIVE, 0), b = make(20, LEARN_PENDING, 0), both;

	(void)state;
	b.class = LEARN_REQUIRED;
	a.hits = 7;
	b.hits = 5;
	a.server_key[0] = 1;
	b.server_key[0] = 2;
	both = merge(a, b);
	assert_int_equal(both.class, LEARN_REQUIRED);
	assert_int_equal(both.state, LEARN_PENDING);
	assert_int_equal(both.server_key[0], 2);
	assert_int_equal(both.first_seen, 10);
	assert_int_equal(both.last_seen, 20);
	assert_int_equal(both.expires, 120);
	assert_int_equal(both.hits, 7);
}

static void test_operator_over_evidence(void **state)
{
	struct entry approved = make(10, LEARN_APPROVED, 1), seen = make(20, LEARN_ACTIVE, 0);
	struct entry forbidden = make(5, LEARN_FORBIDDEN, 1), both;

	(void)state;
	seen.class = LEARN_LATE;
	both = merge(approved, seen);
	assert_int_equal(both.state, LEARN_APPROVED);
	assert_int_equal(both.class, LEARN_LATE);
	assert_int_equal(both.expires, 0);
	both = merge(both, forbidden); /* neither knew the other */
	assert_int_equal(both.state, LEARN_FORBIDDEN);
	assert_int_equal(both.last_seen, 20);
	/* Who approves a forbidden one, knowing that, is obeyed. */
	both = merge(both, make(6, LEARN_APPROVED, 2));
	assert_int_equal(both.state, LEARN_APPROVED);
	/* Who gives it back to the engine, too: it expires again. */
	both = merge(both, make(7, LEARN_ACTIVE, 3));
	assert_int_equal(both.state, LEARN_ACTIVE);
	assert_int_not_equal(both.expires, 0);
}

/* Any order of three gives the same. */
static void test_three_boxes(void **state)
{
	static const enum learn_state states[] = { LEARN_ACTIVE, LEARN_PENDING, LEARN_APPROVED,
						   LEARN_FORBIDDEN };

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		struct entry three[3];

		for (unsigned j = 0; j < 3; j++) {
			enum learn_state own = states[i >> 2 * j & 3];

			three[j] = make(10 + j % 2, own, own >= LEARN_APPROVED ? 1 + j / 2 : 0);
			three[j].class = j == 1 ? LEARN_NOTHING : LEARN_ASKED;
		}
		struct entry left = merge(merge(three[0], three[1]), three[2]);
		struct entry right = merge(three[0], merge(three[1], three[2]));

		assert_int_equal(left.state, right.state);
		assert_int_equal(left.decision, right.decision);
		assert_int_equal(left.last_seen, right.last_seen);
		assert_int_equal(left.class, right.class);
	}
}

static void test_who_saw_it(void **state)
{
	struct entry own = make(10, LEARN_ACTIVE, 0), heard = own;

	(void)state;
	heard.source = LEARN_FLEET;
	own.source = LEARN_PROBE;
	assert_true(entry_equal(&own, &heard));
	entry_merge(&heard, &own);
	assert_int_equal(heard.source, LEARN_PROBE);
}

static void test_forgotten(void **state)
{
	struct entry gone = make(15, LEARN_ACTIVE, 2), entry;

	(void)state;
	entry = make(15, LEARN_ACTIVE, 0);
	assert_false(entry_outlives(&entry, &gone));
	entry = make(16, LEARN_ACTIVE, 0);
	assert_true(entry_outlives(&entry, &gone));
	entry = make(16, LEARN_APPROVED, 1); /* the one who forgot it knew that */
	assert_false(entry_outlives(&entry, &gone));
	entry = make(10, LEARN_FORBIDDEN, 2);
	assert_true(entry_outlives(&entry, &gone));
}

static struct entry rich(void)
{
	struct entry entry = make(1700000000000000, LEARN_FORBIDDEN, 4);

	entry.source = LEARN_OBSERVED;
	entry.tls_version = 0x0304;
	entry.alert = 116;
	memset(entry.ca_names, 0xab, LEARN_DIGEST);
	entry.server_key[31] = 1;
	strcpy(entry.issuer, "C=XX, CN=Issuer \"1\"");
	entry.expires = 1700000000000001;
	entry.hits = INT64_MAX;
	return entry;
}

static void copy_by_text(const struct entry *entry, bool backwards)
{
	struct entry copy;

	memset(&copy, 0, sizeof(copy));
	for (int i = 0; i < ENTRY_N_FIELDS; i++) {
		char text[ENTRY_TEXT_MAX];
		enum entry_field field = backwards ? ENTRY_N_FIELDS - 1 - i : i, found;

		assert_true(entry_field_find(entry_field_name(field), &found));
		assert_int_equal(found, field);
		assert_true(entry_field_read(&copy, field, entry_field_write(entry, field, text)));
	}
	assert_true(entry_equal(&copy, entry));
	assert_int_equal(copy.source, entry->source);
}

static void test_fields(void **state)
{
	struct entry entry = rich(), none = { 0 };
	char text[ENTRY_TEXT_MAX];

	(void)state;
	copy_by_text(&entry, false);
	copy_by_text(&entry, true);
	assert_true(addr_parse("2001:db8::1", 8443, &entry.server));
	copy_by_text(&entry, false);
	copy_by_text(&entry, true);
	copy_by_text(&none, false);
	memset(&entry.server, 0, sizeof(entry.server));
	addr_set_port(&entry.server, 443);
	assert_string_equal(entry_field_write(&entry, ENTRY_ADDRESS, text), "any");
	copy_by_text(&entry, true);
	assert_string_equal(entry_field_write(&entry, ENTRY_TLS, text), "TLSv1.3");
	assert_string_equal(entry_field_write(&none, ENTRY_SERVER_KEY, text), "");
	assert_true(entry_field_is_number(ENTRY_DECISION));
	assert_false(entry_field_is_number(ENTRY_ISSUER));
}

static void test_longest(void **state)
{
	struct entry entry = rich();

	(void)state;
	memset(entry.host, 'a', LEARN_HOST_MAX - 1);
	memset(entry.issuer, 'i', LEARN_ISSUER_MAX - 1);
	copy_by_text(&entry, false);
}

static void test_bad_fields(void **state)
{
	static const struct {
		enum entry_field field;
		const char *text;
	} bad[] = {
		{ ENTRY_HOST, "a b" },
		{ ENTRY_HOST, "a\nb" },
		{ ENTRY_HOST, "*." },
		{ ENTRY_HOST, "a.*.example" },
		{ ENTRY_HOST, "*" },
		{ ENTRY_HOST, "b\xc3\xbc.example" },
		{ ENTRY_ADDRESS, "" },
		{ ENTRY_ADDRESS, "192.0.2.256" },
		{ ENTRY_PORT, "65536" },
		{ ENTRY_PORT, "-1" },
		{ ENTRY_PORT, "" },
		{ ENTRY_PORT, " 1" },
		{ ENTRY_CLASS, "none" },
		{ ENTRY_TLS, "TLSv1.1" },
		{ ENTRY_ALERT, "256" },
		{ ENTRY_CA_NAMES, "ab" },
		{ ENTRY_SERVER_KEY,
		  "000000000000000000000000000000000000000000000000000000000000000g" },
		{ ENTRY_HITS, "9223372036854775808" },
		{ ENTRY_HITS, "99999999999999999999999" },
		{ ENTRY_DECISION, "4294967296" },
		{ ENTRY_LAST_SEEN, "1e3" },
	};
	struct entry entry = rich(), before = entry;
	char long_text[600];
	enum entry_field field;

	(void)state;
	for (size_t i = 0; i < N_OF(bad); i++) {
		assert_false(entry_field_read(&entry, bad[i].field, bad[i].text));
		assert_memory_equal(&entry, &before, sizeof(entry));
	}
	memset(long_text, 'a', sizeof(long_text));
	long_text[LEARN_HOST_MAX] = '\0';
	assert_false(entry_field_read(&entry, ENTRY_HOST, long_text));
	assert_false(entry_field_read(&entry, ENTRY_ISSUER, long_text));
	assert_false(entry_field_find("no_such", &field));
	assert_true(entry_field_read(&entry, ENTRY_HOST, "*.Example.GOV"));
	assert_string_equal(entry.host, "*.example.gov");
	assert_true(entry_is_generalised(&entry));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_newest_evidence),
		cmocka_unit_test(test_operator_over_evidence),
		cmocka_unit_test(test_three_boxes),
		cmocka_unit_test(test_who_saw_it),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_bad_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
