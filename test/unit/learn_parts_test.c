/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands alone of the learned servers: families of names, addresses of stores. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "learn/generalise.h"
#include "learn/redis_url.h"
#include "learn/store.h"

/* --- families --- */

static bool note(struct generaliser *generaliser, const char *host, const char *server,
		 uint8_t server_key)
{
	struct entry entry = { .class = LEARN_ASKED };

	snprintf(entry.host, sizeof(entry.host), "%s", host);
	assert_true(addr_parse(server, 443, &entry.server));
	entry.server_key[0] = server_key;
	return generaliser_note(generaliser, &entry, 3);
}

static void test_siblings(void **state)
{
	struct generaliser *generaliser = generaliser_new(100);

	(void)state;
	assert_non_null(generaliser);
	assert_false(note(generaliser, "a.pivcac.example.gov", "192.0.2.1", 1));
	assert_false(note(generaliser, "b.pivcac.example.gov", "192.0.2.1", 1));
	assert_false(note(generaliser, "b.pivcac.example.gov", "192.0.2.1", 1)); /* the same */
	assert_false(note(generaliser, "c.pivcac.example.gov", "192.0.2.1", 2)); /* another key */
	assert_false(note(generaliser, "c.pivcac.example.gov", "192.0.2.2", 1)); /* address */
	assert_false(note(generaliser, "c.other.example.gov", "192.0.2.1", 1));  /* parent */
	assert_true(note(generaliser, "c.pivcac.example.gov", "192.0.2.1", 1));
	assert_false(note(generaliser, "c.pivcac.example.gov", "192.0.2.1", 1)); /* anew */
	generaliser_free(generaliser);
}

static void test_public_suffixes(void **state)
{
	static const char *const parents[] = { "gov", "co.uk", "github.io", "example", "" };
	struct generaliser *generaliser = generaliser_new(100);

	(void)state;
	for (size_t i = 0; i < N_OF(parents); i++) {
		for (unsigned j = 0; j < 10; j++) {
			char host[64];

			snprintf(host, sizeof(host), "h%u.%s", j, parents[i]);
			assert_false(note(generaliser, host, "192.0.2.1", 1));
		}
	}
	for (unsigned j = 0; j < 10; j++) {
		assert_false(note(generaliser, "nolabel", "192.0.2.1", 1));
		assert_false(note(generaliser, "*.example.gov", "192.0.2.1", 1));
		assert_false(note(generaliser, ".example.gov", "192.0.2.1", 1));
		assert_false(note(generaliser, "", "192.0.2.1", 1));
	}
	assert_false(note(generaliser, "a.example.gov", "192.0.2.1", 0)); /* without a key */
	assert_false(note(generaliser, "b.example.gov", "192.0.2.1", 0));
	assert_false(note(generaliser, "c.example.gov", "192.0.2.1", 0));
	/* One label below a suffix is enough, also below one of a host of other people's. */
	assert_false(note(generaliser, "a.me.github.io", "192.0.2.1", 1));
	assert_false(note(generaliser, "b.me.github.io", "192.0.2.1", 1));
	assert_true(note(generaliser, "c.me.github.io", "192.0.2.1", 1));
	generaliser_free(generaliser);
}

static void test_families_are_bounded(void **state)
{
	struct generaliser *generaliser = generaliser_new(2);

	(void)state;
	assert_false(note(generaliser, "a.one.gov", "192.0.2.1", 1));
	assert_false(note(generaliser, "b.one.gov", "192.0.2.1", 1));
	assert_false(note(generaliser, "a.two.gov", "192.0.2.1", 1));
	assert_false(note(generaliser, "a.three.gov", "192.0.2.1", 1));
	assert_false(note(generaliser, "c.one.gov", "192.0.2.1", 1)); /* counted anew */
	generaliser_free(generaliser);
}

/* --- addresses of stores --- */

static void test_redis_urls(void **state)
{
	static const struct {
		const char *text, *host, *user, *password;
		int port, db;
	} good[] = {
		{ "redis://redis.example", "redis.example", "", "", 6379, 0 },
		{ "redis://192.0.2.1:7000/3", "192.0.2.1", "", "", 7000, 3 },
		{ "redis://[2001:db8::1]:7000/", "2001:db8::1", "", "", 7000, 0 },
		{ "redis://[2001:db8::1]", "2001:db8::1", "", "", 6379, 0 },
		{ "redis://:p%40%2fss@h:1/2", "h", "", "p@/ss", 1, 2 },
		{ "redis://me:secret@h", "h", "me", "secret", 6379, 0 },
		{ "redis+unix:///run/redis.sock", "/run/redis.sock", "", "", 0, 0 },
		{ "redis+unix://:x@/run/r.sock?db=4", "/run/r.sock", "", "x", 0, 4 },
	};
	static const char *const bad[] = {
		"redis://",
		"redis://:1",
		"redis://h:0",
		"redis://h:65536",
		"redis://h:x",
		"redis://h/x",
		"redis://h/-1",
		"redis://me@h",
		"redis://me:@h",
		"redis://:%4@h",
		"redis://[::1",
		"redis://[::1]x",
		"rediss://h",
		"redis:h",
		"redis+unix://run",
		"redis+unix:///",
		"redis+unix:///s?x=1",
		"redis+unix:///s?db=",
	};
	struct redis_url url;
	struct store *store;
	char long_url[400];

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++) {
		assert_true(redis_url_read(good[i].text, &url));
		assert_string_equal(url.host, good[i].host);
		assert_string_equal(url.user, good[i].user);
		assert_string_equal(url.password, good[i].password);
		assert_int_equal(url.port, good[i].port);
		assert_int_equal(url.db, good[i].db);
		assert_int_equal(store_new(good[i].text, 0, &store), 0);
		store_free(store);
	}
	for (size_t i = 0; i < N_OF(bad); i++) {
		assert_false(redis_url_read(bad[i], &url));
		assert_int_equal(store_new(bad[i], 0, &store), -EINVAL);
	}
	memset(long_url, 'a', sizeof(long_url));
	memcpy(long_url, "redis://", 8);
	long_url[sizeof(long_url) - 1] = '\0';
	assert_false(redis_url_read(long_url, &url));
}

static void test_store_urls(void **state)
{
	static const char *const bad[] = { "", "nothing", "sqlite:", "file", "mysql://h" };
	struct store *store;

	(void)state;
	assert_int_equal(store_new("none", 0, &store), 0);
	assert_null(store);
	for (size_t i = 0; i < N_OF(bad); i++)
		assert_int_equal(store_new(bad[i], 0, &store), -EINVAL);
	assert_int_equal(store_new("/no/such/place", 0, &store), 0); /* not opened yet */
	store_free(store);
	assert_int_equal(store_new("sqlite:relative", 0, &store), 0);
	store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_siblings),
		cmocka_unit_test(test_public_suffixes),
		cmocka_unit_test(test_families_are_bounded),
		cmocka_unit_test(test_redis_urls),
		cmocka_unit_test(test_store_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
