/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/learned.h"

static void reopen(struct learned_options options)
{
	learned_free(learned);
	assert_int_equal(learned_open(&options, "none", &learned), 0);
}

static int setup(void **state)
{
	(void)state;
	learned = NULL;
	reopen(LEARNED_DEFAULTS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	learned_free(learned);
	return 0;
}

/* --- finding --- */

static void test_key(void **state)
{
	struct entry entry = seen("a.example", "192.0.2.1", LEARN_ASKED), found;
	union addr other_port = address("192.0.2.1", 8443), none = { 0 };

	(void)state;
	assert_false(is_known("a.example", "192.0.2.1"));
	strcpy(entry.issuer, "CN=Issuer");
	assert_int_equal(note(&entry), LEARNED_ADDED);
	assert_int_equal(find_at("a.example", "192.0.2.1", now, &found), LEARNED_FRESH);
	assert_true(found.hits == 1);
	found.hits = 0;
	assert_true(entry_equal(&found, &entry));
	assert_false(is_known("b.example", "192.0.2.1"));
	assert_false(is_known("a.exampl", "192.0.2.1"));
	assert_false(is_known("", "192.0.2.1"));
	assert_false(is_known("a.example", "192.0.2.2"));
	assert_int_equal(learned_find(learned, "a.example", &other_port, now, &found),
			 LEARNED_UNKNOWN);
	assert_int_equal(learned_find(learned, "a.example", &none, now, &found), LEARNED_UNKNOWN);
	/* No name is a name of its own. */
	entry = seen("", "192.0.2.2", LEARN_ASKED);
	assert_int_equal(note(&entry), LEARNED_ADDED);
	assert_true(is_known("", "192.0.2.2"));
	assert_false(is_known("a.example", "192.0.2.2"));
}

/* An IPv4 address and the start of a name together are no IPv6 address. */
static void test_families(void **state)
{
	const char *v6 = "c000:201:6161:6161:6161:6161:6161:6161";
	struct entry a = seen("aaaaaaaaaaaa.example", "192.0.2.1", LEARN_ASKED);
	struct entry b = seen("b.example", v6, LEARN_ASKED);

	(void)state;
	assert_int_equal(note(&a), LEARNED_ADDED);
	assert_false(is_known(".example", v6));
	assert_int_equal(note(&b), LEARNED_ADDED);
	assert_false(is_known("aaaaaaaaaaaab.example", "192.0.2.1"));
}

static void test_long_names(void **state)
{
	char name[LEARN_HOST_MAX] = "";
	struct entry entry;

	(void)state;
	memset(name, 'a', LEARN_HOST_MAX - 1);
	entry = seen(name, "2001:db8::1", LEARN_ASKED);
	assert_int_equal(note(&entry), LEARNED_ADDED);
	assert_true(is_known(name, "2001:db8::1"));
	name[252] = 'b';
	assert_false(is_known(name, "2001:db8::1"));
}

static void test_expiry(void **state)
{
	struct learned_options options = LEARNED_DEFAULTS;
	struct entry entry = seen("a.example", "192.0.2.1", LEARN_ASKED), found;
	uint64_t then = now + hour;

	(void)state;
	options.ask_again = 30 * second;
	options.keep = 24 * hour;
	learned_set_options(learned, &options);
	assert_int_equal(note(&entry), LEARNED_ADDED);
	assert_int_equal(find_at("a.example", "192.0.2.1", then - 1, &found), LEARNED_FRESH);
	assert_int_equal(learned_look(learned, "a.example", &entry.server, then, &found),
			 LEARNED_FRESH);
	assert_int_equal(find_at("a.example", "192.0.2.1", then, &found), LEARNED_STALE);
	assert_int_equal(found.class, LEARN_ASKED);
	for (unsigned i = 0; i < 30; i++) /* somebody is on it */
		assert_int_equal(find_at("a.example", "192.0.2.1", then + i * second, &found),
				 LEARNED_FRESH);
	then += 30 * second;
	assert_int_equal(find_at("a.example", "192.0.2.1", then, &found), LEARNED_STALE);
	entry.last_seen = then;
	entry.expires = then + hour;
	assert_int_equal(note(&entry), LEARNED_REFRESHED);
	assert_int_equal(find_at("a.example", "192.0.2.1", then, &found), LEARNED_FRESH);
	assert_int_equal(found.hits, 34);
	assert_int_equal(found.first_seen, now);
	/* Of no use any more. */
	then += 25 * hour;
	assert_int_equal(find_at("a.example", "192.0.2.1", then - 1, &found), LEARNED_STALE);
	assert_int_equal(find_at("a.example", "192.0.2.1", then, &found), LEARNED_UNKNOWN);
	options.keep = 0;
	learned_set_options(learned, &options);
	assert_int_equal(find_at("a.example", "192.0.2.1", 10 * then, &found), LEARNED_STALE);
}

/* Operator's before others; then this address, any address, generalised. */
static void test_precedence(void **state)
{
	static const struct {
		const char *host, *server;
	} places[] = {
		{ "a.b.example", "192.0.2.1" },
		{ "a.b.example", NULL },
		{ "*.b.example", "192.0.2.1" },
		{ "*.b.example", NULL },
	};
	struct entry found;

	(void)state;
	for (unsigned i = 4; i-- > 0;) {
		struct entry entry = seen(places[i].host, places[i].server, LEARN_ASKED);

		entry.tls_version = 0x0303;
		entry.alert = (uint8_t)i;
		assert_int_equal(note(&entry), LEARNED_ADDED);
		assert_int_equal(find_at("a.b.example", "192.0.2.1", now, &found), LEARNED_FRESH);
		assert_int_equal(found.alert, i);
	}
	assert_false(is_known("x.a.b.example", "192.0.2.1"));
	assert_false(is_known("b.example", "192.0.2.1"));
	for (unsigned i = 4; i-- > 0;) {
		assert_int_not_equal(order(places[i].host, places[i].server,
					   i % 2 ? LEARN_APPROVED : LEARN_FORBIDDEN),
				     LEARNED_FULL);
		assert_int_equal(find_at("a.b.example", "192.0.2.1", now, &found), LEARNED_FRESH);
		assert_int_equal(found.state, i % 2 ? LEARN_APPROVED : LEARN_FORBIDDEN);
		assert_string_equal(found.host, places[i].host);
	}
}

/* --- noting --- */

static void test_changes(void **state)
{
	struct entry entry = seen("a.example", "192.0.2.1", LEARN_ASKED), before;

	(void)state;
	assert_int_equal(note(&entry), LEARNED_ADDED);
	entry.class = LEARN_REQUIRED; /* is told more exactly */
	entry.alert = 116;
	assert_int_equal(note(&entry), LEARNED_REFRESHED);
	entry.class = LEARN_ASKED; /* and stays */
	assert_int_equal(note(&entry), LEARNED_REFRESHED);
	entry.class = LEARN_NOTHING;
	assert_int_equal(learned_note(learned, &entry, NULL, false, &before),
			 LEARNED_CLASS_CHANGED);
	assert_int_equal(before.class, LEARN_REQUIRED);
	assert_int_equal(before.alert, 116);
	entry.server_key[0] = 2;
	assert_int_equal(learned_note(learned, &entry, NULL, false, &before), LEARNED_KEY_CHANGED);
	assert_int_equal(before.server_key[0], 1);
	entry.server_key[0] = 0; /* not proven: says nothing of the key */
	assert_int_equal(note(&entry), LEARNED_REFRESHED);
	entry.server_key[0] = 2;
	assert_int_equal(note(&entry), LEARNED_REFRESHED);
	/* What is older than what is known changes nothing but the past. */
	entry.class = LEARN_LATE;
	entry.first_seen = entry.last_seen = now - hour;
	assert_int_equal(note(&entry), LEARNED_REFRESHED);
	assert_int_equal(find_at("a.example", "192.0.2.1", now, &entry), LEARNED_FRESH);
	assert_int_equal(entry.class, LEARN_NOTHING);
	assert_int_equal(entry.first_seen, now - hour);
}

/* The most that was seen of a server that asks holds, until it expires. */
static void test_outcomes(void **state)
{
	static const enum learn_class seen_then[][2] = {
		{ LEARN_ASKED, LEARN_ASKED },        { LEARN_UNUSED, LEARN_UNUSED },
		{ LEARN_ASKED, LEARN_UNUSED },       { LEARN_REQUIRED, LEARN_REQUIRED },
		{ LEARN_REQUESTED, LEARN_REQUIRED }, { LEARN_ASKED, LEARN_ASKED },
	};
	struct entry entry = seen("a.example", "192.0.2.1", LEARN_ASKED), found;

	(void)state;
	for (size_t i = 0; i < sizeof(seen_then) / sizeof(seen_then[0]); i++) {
		entry.class = seen_then[i][0];
		if (i == 5)
			entry.last_seen = found.expires;
		assert_int_equal(note(&entry), i == 0 ? LEARNED_ADDED : LEARNED_REFRESHED);
		(void)find_at("a.example", "192.0.2.1", now, &found);
		assert_int_equal(found.class, seen_then[i][1]);
	}
}

static void test_operators_stay(void **state)
{
	struct entry entry = seen("a.example", "192.0.2.1", LEARN_ASKED), found;
	union addr *server = &entry.server;

	(void)state;
	assert_int_equal(note(&entry), LEARNED_ADDED);
	assert_int_equal(learned_set_state(learned, "a.example", server, LEARN_FORBIDDEN, now), 1);
	assert_int_equal(note(&entry), LEARNED_REFRESHED);
	entry.server_key[0] = 9;
	assert_int_equal(note(&entry), LEARNED_KEY_CHANGED);
	assert_int_equal(find_at("a.example", "192.0.2.1", now + 1000 * hour, &found),
			 LEARNED_FRESH);
	assert_int_equal(found.state, LEARN_FORBIDDEN);
	assert_int_equal(found.decision, 1);
	assert_int_equal(found.server_key[0], 9);
	assert_int_equal(order("a.example", "192.0.2.1", LEARN_APPROVED), LEARNED_KEY_CHANGED);
	assert_int_equal(find_at("a.example", "192.0.2.1", now, &found), LEARNED_FRESH);
	assert_int_equal(found.state, LEARN_APPROVED);
	assert_int_equal(found.decision, 2);
	/* Given back: it is asked for at once. */
	assert_int_equal(learned_set_state(learned, "a.example", NULL, LEARN_ACTIVE, now), 1);
	assert_int_equal(find_at("a.example", "192.0.2.1", now, &found), LEARNED_STALE);
	assert_int_equal(found.state, LEARN_ACTIVE);
	assert_int_equal(learned_set_state(learned, "b.example", server, LEARN_APPROVED, now), 0);
	assert_int_equal(learned_set_state(learned, "b.example", NULL, LEARN_APPROVED, now), 0);
}

static void test_forget(void **state)
{
	struct entry a = seen("a.example", "192.0.2.1", LEARN_ASKED);
	struct entry b = seen("a.example", "2001:db8::1", LEARN_ASKED);
	struct entry any = seen("a.example", NULL, LEARN_ASKED);
	struct entry other = seen("aa.example", "192.0.2.1", LEARN_ASKED);

	(void)state;
	assert_int_equal(note(&a), LEARNED_ADDED);
	assert_int_equal(note(&b), LEARNED_ADDED);
	assert_int_equal(note(&other), LEARNED_ADDED);
	assert_int_equal(learned_forget(learned, "a.example", &a.server, now), 1);
	assert_int_equal(learned_forget(learned, "a.example", &a.server, now), 0);
	assert_false(is_known("a.example", "192.0.2.1"));
	assert_true(is_known("a.example", "2001:db8::1"));
	assert_int_equal(note(&a), LEARNED_ADDED);
	assert_int_equal(note(&any), LEARNED_ADDED);
	assert_int_equal(learned_count(learned), 4);
	assert_int_equal(learned_forget(learned, "a.example", NULL, now), 3);
	assert_int_equal(learned_count(learned), 1);
	assert_true(is_known("aa.example", "192.0.2.1"));
}

static bool count(void *context, const struct entry *entry)
{
	unsigned *n = context;

	*n += entry->host[0] == 'h';
	assert_int_equal(learned_forget(learned, entry->host, NULL, now), 1); /* may call */
	return *n < 500;
}

static void test_each(void **state)
{
	struct learned_options options = LEARNED_DEFAULTS;
	unsigned n = 0;

	(void)state;
	options.max = 10000; /* several shards */
	reopen(options);
	assert_int_equal(learned_each(learned, count, &n), 0);
	for (unsigned i = 0; i < 600; i++) {
		char host[32];
		struct entry entry;

		snprintf(host, sizeof(host), "h%u.example", i);
		entry = seen(host, "192.0.2.1", LEARN_ASKED);
		assert_int_equal(note(&entry), LEARNED_ADDED);
	}
	assert_int_equal(learned_each(learned, count, &n), 0);
	assert_int_equal(n, 500);
	assert_int_equal(learned_each(learned, count, &n), 0);
	assert_int_equal(n, 501);
	assert_int_equal(learned_count(learned), 99);
	assert_false(learned_is_stored(learned));
}

static void test_import(void **state)
{
	struct entry entry = seen("a.example", "192.0.2.1", LEARN_ASKED), found;

	(void)state;
	entry.state = LEARN_APPROVED;
	entry.decision = 3;
	entry.expires = 0;
	entry.hits = 10;
	entry.source = LEARN_PROBE;
	assert_int_equal(learned_import(learned, &entry), 0);
	assert_int_equal(find_at("a.example", "192.0.2.1", now, &found), LEARNED_FRESH);
	assert_int_equal(found.hits, 11);
	assert_int_equal(found.decision, 3);
	/* Into what is known: as two boxes agree. */
	entry.state = LEARN_FORBIDDEN;
	assert_int_equal(learned_import(learned, &entry), 0);
	assert_int_equal(find_at("a.example", "192.0.2.1", now, &found), LEARNED_FRESH);
	assert_int_equal(found.state, LEARN_FORBIDDEN);
	entry.state = LEARN_APPROVED;
	assert_int_equal(learned_import(learned, &entry), 0);
	assert_int_equal(find_at("a.example", "192.0.2.1", now, &found), LEARNED_FRESH);
	assert_int_equal(found.state, LEARN_FORBIDDEN);
}

/* --- limits --- */

static void test_least_used_makes_room(void **state)
{
	struct learned_options options = LEARNED_DEFAULTS;
	struct entry entry;
	char name[16];

	(void)state;
	options.max = 4;
	reopen(options);
	assert_int_equal(order("op.example", "192.0.2.1", LEARN_APPROVED), LEARNED_ADDED);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%u.example", i);
		entry = seen(name, "192.0.2.1", LEARN_ASKED);
		assert_int_equal(note(&entry), LEARNED_ADDED);
	}
	assert_true(is_known("0.example", "192.0.2.1")); /* was used */
	entry = seen("4.example", "192.0.2.1", LEARN_ASKED);
	assert_int_equal(note(&entry), LEARNED_ADDED);
	assert_int_equal(learned_count(learned), 5);
	assert_true(is_known("0.example", "192.0.2.1"));
	assert_false(is_known("1.example", "192.0.2.1"));
	assert_true(is_known("op.example", "192.0.2.1"));
	/* What asked nothing takes nobody's place, and gives its own. */
	entry = seen("no.example", "192.0.2.1", LEARN_NOTHING);
	assert_int_equal(note(&entry), LEARNED_FULL);
	assert_int_equal(learned_forget(learned, "2.example", NULL, now), 1);
	assert_int_equal(note(&entry), LEARNED_ADDED);
	entry = seen("no2.example", "192.0.2.1", LEARN_NOTHING);
	assert_int_equal(note(&entry), LEARNED_ADDED);
	assert_false(is_known("no.example", "192.0.2.1"));
	entry = seen("5.example", "192.0.2.1", LEARN_ASKED);
	assert_int_equal(note(&entry), LEARNED_ADDED);
	assert_false(is_known("no2.example", "192.0.2.1"));
	assert_true(is_known("3.example", "192.0.2.1"));
	/* The operator has room for more. */
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "op%u.example", i);
		assert_int_equal(order(name, NULL, LEARN_FORBIDDEN), LEARNED_ADDED);
	}
	assert_int_equal(learned_count(learned), 15);
}

static void test_bound(void **state)
{
	struct learned_options options = LEARNED_DEFAULTS;
	struct entry entry;
	char name[32];

	(void)state;
	options.max = 6400;
	reopen(options);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "%u.example", i);
		entry = seen(name, "192.0.2.1", i % 3 ? LEARN_ASKED : LEARN_NOTHING);
		(void)note(&entry);
		assert_true(learned_count(learned) <= 6400);
		if (i > 1000)
			i++; /* counting is slow */
	}
	assert_true(learned_count(learned) == 6400);
}

static void test_clients_limit(void **state)
{
	struct learned_options options = LEARNED_DEFAULTS;
	union addr client = address("10.0.0.1", 40000), other = address("10.0.0.2", 40000);
	struct entry entry;
	char name[32];

	(void)state;
	options.per_client = 5;
	learned_set_options(learned, &options);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%u.example", i);
		entry = seen(name, "192.0.2.1", LEARN_ASKED);
		assert_int_equal(learned_note(learned, &entry, &client, false, NULL),
				 i < 5 ? LEARNED_ADDED : LEARNED_LIMITED);
		assert_int_equal(is_known(name, "192.0.2.1"), i < 5);
	}
	entry = seen("0.example", "192.0.2.1", LEARN_ASKED); /* known: costs nothing */
	assert_int_equal(learned_note(learned, &entry, &client, false, NULL), LEARNED_REFRESHED);
	entry = seen("n.example", "192.0.2.1", LEARN_NOTHING);
	assert_int_equal(learned_note(learned, &entry, &client, false, NULL), LEARNED_ADDED);
	entry = seen("5.example", "192.0.2.1", LEARN_ASKED);
	assert_int_equal(learned_note(learned, &entry, NULL, false, NULL), LEARNED_ADDED);
	entry = seen("6.example", "192.0.2.1", LEARN_ASKED);
	assert_int_equal(learned_note(learned, &entry, &other, false, NULL), LEARNED_ADDED);
}

/* --- generalising --- */

static enum learned_note note_sibling(const char *host, enum learn_class class, uint8_t server_key,
				      bool has_wildcard)
{
	struct entry entry = seen(host, "192.0.2.1", class);

	entry.server_key[0] = server_key;
	return learned_note(learned, &entry, NULL, has_wildcard, NULL);
}

static void test_generalise(void **state)
{
	struct entry found;

	(void)state;
	assert_int_equal(note_sibling("a.p.example.gov", LEARN_ASKED, 1, true), LEARNED_ADDED);
	assert_int_equal(note_sibling("b.p.example.gov", LEARN_ASKED, 1, true), LEARNED_ADDED);
	assert_int_equal(note_sibling("b.p.example.gov", LEARN_ASKED, 1, true), LEARNED_REFRESHED);
	assert_false(is_known("x.p.example.gov", "192.0.2.1"));
	assert_int_equal(note_sibling("c.p.example.gov", LEARN_ASKED, 1, true),
			 LEARNED_GENERALISED);
	assert_int_equal(learned_count(learned), 4);
	assert_int_equal(find_at("x.p.example.gov", "192.0.2.1", now, &found), LEARNED_FRESH);
	assert_string_equal(found.host, "*.p.example.gov");
	assert_false(is_known("x.p.example.gov", "192.0.2.2"));
	assert_false(is_known("x.y.p.example.gov", "192.0.2.1"));
	assert_false(is_known("p.example.gov", "192.0.2.1"));
	/* From here on the siblings need none of their own. */
	assert_int_equal(note_sibling("d.p.example.gov", LEARN_ASKED, 1, true), LEARNED_COVERED);
	assert_int_equal(note_sibling("d.p.example.gov", LEARN_REQUIRED, 1, true), LEARNED_COVERED);
	assert_int_equal(find_at("d.p.example.gov", "192.0.2.1", now, &found), LEARNED_FRESH);
	assert_int_equal(found.class, LEARN_REQUIRED);
	assert_int_equal(note_sibling("d.p.example.gov", LEARN_ASKED, 1, true), LEARNED_COVERED);
	assert_int_equal(find_at("d.p.example.gov", "192.0.2.1", now, &found), LEARNED_FRESH);
	assert_int_equal(found.class, LEARN_REQUIRED);
	assert_int_equal(learned_count(learned), 4);
	/* Unless they differ. */
	assert_int_equal(note_sibling("e.p.example.gov", LEARN_NOTHING, 1, true), LEARNED_ADDED);
	assert_int_equal(note_sibling("f.p.example.gov", LEARN_ASKED, 2, true), LEARNED_ADDED);
	assert_int_equal(note_sibling("g.p.example.gov", LEARN_ASKED, 1, false), LEARNED_ADDED);
	assert_int_equal(find_at("e.p.example.gov", "192.0.2.1", now, &found), LEARNED_FRESH);
	assert_int_equal(found.class, LEARN_NOTHING);
	/* A new key: three again. */
	assert_int_equal(note_sibling("h.p.example.gov", LEARN_ASKED, 2, true), LEARNED_ADDED);
	assert_int_equal(note_sibling("i.p.example.gov", LEARN_ASKED, 2, true),
			 LEARNED_GENERALISED);
	assert_int_equal(find_at("x.p.example.gov", "192.0.2.1", now, &found), LEARNED_FRESH);
	assert_int_equal(found.server_key[0], 2);
}

static void test_generalise_not(void **state)
{
	struct learned_options options = LEARNED_DEFAULTS;
	char host[64];

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct entry entry;

		snprintf(host, sizeof(host), "h%u.w.example.gov", i); /* no wildcard named */
		assert_int_equal(note_sibling(host, LEARN_ASKED, 1, false), LEARNED_ADDED);
		snprintf(host, sizeof(host), "h%u.n.example.gov", i);
		assert_int_equal(note_sibling(host, LEARN_NOTHING, 1, true), LEARNED_ADDED);
		snprintf(host, sizeof(host), "h%u.l.example.gov", i);
		assert_int_equal(note_sibling(host, LEARN_LATE, 1, true), LEARNED_ADDED);
		snprintf(host, sizeof(host), "h%u.gov", i);
		assert_int_equal(note_sibling(host, LEARN_ASKED, 1, true), LEARNED_ADDED);
		snprintf(host, sizeof(host), "h%u.co.uk", i);
		assert_int_equal(note_sibling(host, LEARN_ASKED, 1, true), LEARNED_ADDED);
		snprintf(host, sizeof(host), "h%u.p.example.gov", i);
		entry = seen(host, "192.0.2.1", LEARN_ASKED);
		entry.state = LEARN_PENDING;
		assert_int_equal(learned_note(learned, &entry, NULL, true, NULL), LEARNED_ADDED);
	}
	options.siblings = 0;
	learned_set_options(learned, &options);
	for (unsigned i = 0; i < 8; i++) {
		snprintf(host, sizeof(host), "h%u.z.example.gov", i);
		assert_int_equal(note_sibling(host, LEARN_ASKED, 1, true), LEARNED_ADDED);
	}
}

/* The operator forbade what would be made, or one of the siblings. */
static void test_generalise_forbidden(void **state)
{
	struct entry found;

	(void)state;
	assert_int_equal(order("*.p.example.gov", "192.0.2.1", LEARN_FORBIDDEN), LEARNED_ADDED);
	for (unsigned i = 0; i < 5; i++) {
		char host[64];

		snprintf(host, sizeof(host), "h%u.p.example.gov", i);
		(void)note_sibling(host, LEARN_ASKED, 1, true);
		assert_int_equal(find_at(host, "192.0.2.1", now, &found), LEARNED_FRESH);
		assert_int_equal(found.state, LEARN_FORBIDDEN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_key),
		TEST(test_families),
		TEST(test_long_names),
		TEST(test_expiry),
		TEST(test_precedence),
		TEST(test_changes),
		TEST(test_outcomes),
		TEST(test_operators_stay),
		TEST(test_forget),
		TEST(test_each),
		TEST(test_import),
		TEST(test_least_used_makes_room),
		TEST(test_bound),
		TEST(test_clients_limit),
		TEST(test_generalise),
		TEST(test_generalise_not),
		TEST(test_generalise_forbidden),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
