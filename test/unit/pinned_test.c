/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clients that refuse our leaf though they trust our CA. */
#include "test/unit/cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>

/* How many allocations still succeed; the module's own, which is why its source is here. */
static unsigned plenty = -1U;

static void *scarce_calloc(size_t n, size_t size)
{
	return plenty && plenty-- ? (calloc)(n, size) : NULL;
}

#define calloc(n, size) scarce_calloc(n, size)
#define uthash_malloc(size) scarce_calloc(1, size)
#include "learn/pinned.c" /* NOLINT(bugprone-suspicious-include) */

static const uint64_t minute = 60 * 1000000ULL;
static const struct pinned_options defaults = { .refusals = 3,
						.clients = 2,
						.window = 60 * 60 * 1000000ULL };
static const uint64_t start = 100 * 60 * 1000000ULL;

static struct pinned *pinned;
static struct pinned_count count;

static int setup(void **state)
{
	(void)state;
	plenty = -1U;
	pinned = pinned_new(&defaults);
	return pinned ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	pinned_free(pinned);
	return 0;
}

static struct pinned_client client(const char *address, const char *program)
{
	struct pinned_client made = { .program = program };

	assert_true(addr_parse(address, 40000, &made.address));
	return made;
}

static struct pinned_client numbered(unsigned i)
{
	struct pinned_client made = client("10.0.0.0", "app");

	made.address.v4.sin_addr.s_addr = htonl(0x0a000000 + i);
	return made;
}

static void accept_leaf(const char *address, const char *program, const char *host, uint64_t now)
{
	struct pinned_client who = client(address, program);

	pinned_accepted(pinned, &who, host, now);
}

static enum pinned_finding refuse_leaf(const char *address, const char *program, const char *host,
				       uint64_t now)
{
	struct pinned_client who = client(address, program);

	return pinned_refused(pinned, &who, host, now, &count);
}

static bool is(const char *address, const char *program, const char *host, uint64_t now)
{
	struct pinned_client who = client(address, program);

	return pinned_is(pinned, &who, host, now);
}

static void assert_count(unsigned refusals, unsigned clients)
{
	assert_int_equal(count.refusals, refusals);
	assert_int_equal(count.clients, clients);
}

/* Both have our CA: a browser there took a leaf. */
static void two_trusting(void)
{
	accept_leaf("192.0.2.1", "browser", "plain.example", start);
	accept_leaf("192.0.2.2", "browser", "plain.example", start);
}

/* --- what makes a host pinned --- */

static void test_refusals_and_clients(void **state)
{
	(void)state;
	two_trusting();
	assert_int_equal(refuse_leaf("192.0.2.1", "app", "a.example", start), PINNED_NOT_YET);
	assert_count(1, 1);
	assert_int_equal(refuse_leaf("192.0.2.1", "app", "a.example", start), PINNED_NOT_YET);
	assert_int_equal(refuse_leaf("192.0.2.1", "app", "a.example", start), PINNED_NOT_YET);
	assert_count(3, 1); /* enough refusals, of one client */
	assert_false(is("192.0.2.1", "app", "a.example", start));
	assert_int_equal(refuse_leaf("192.0.2.2", "app", "a.example", start), PINNED_NEW);
	assert_count(4, 2);
	assert_int_equal(refuse_leaf("192.0.2.2", "app", "a.example", start), PINNED_KNOWN);
	assert_true(is("192.0.2.1", "app", "a.example", start));
	assert_true(is("192.0.2.2", "app", "a.example", start));
}

static void test_clients_but_few_refusals(void **state)
{
	(void)state;
	two_trusting();
	assert_int_equal(refuse_leaf("192.0.2.1", "app", "a.example", start), PINNED_NOT_YET);
	assert_int_equal(refuse_leaf("192.0.2.2", "app", "a.example", start), PINNED_NOT_YET);
	assert_count(2, 2);
	assert_int_equal(refuse_leaf("192.0.2.1", "app", "a.example", start), PINNED_NEW);
}

static void test_only_who_refused(void **state)
{
	(void)state;
	two_trusting();
	accept_leaf("192.0.2.3", "browser", "plain.example", start);
	for (unsigned i = 0; i < 2; i++) {
		refuse_leaf("192.0.2.1", "app", "a.example", start);
		refuse_leaf("192.0.2.2", "app", "a.example", start);
	}
	assert_true(is("192.0.2.1", "app", "a.example", start));
	assert_false(is("192.0.2.1", "browser", "a.example", start)); /* another program */
	assert_false(is("192.0.2.3", "app", "a.example", start));     /* another address */
	assert_false(is("192.0.2.1", "app", "b.example", start));     /* another host */
	assert_false(is("192.0.2.1", "app", "a.exampl", start));
	/* The host is known for it, so that the first refusal of a further client will do. */
	assert_int_equal(refuse_leaf("192.0.2.3", "app", "a.example", start), PINNED_NEW);
	assert_count(5, 3);
}

static void test_programs_of_one_address(void **state)
{
	(void)state;
	two_trusting();
	for (unsigned i = 0; i < 3; i++) {
		refuse_leaf("192.0.2.1", "app", "a.example", start);
		refuse_leaf("192.0.2.1", "other", "a.example", start);
	}
	assert_count(6, 1); /* one client: its address counts */
	assert_false(is("192.0.2.1", "app", "a.example", start));
}

static void test_port_and_family(void **state)
{
	struct pinned_client who = client("2001:db8::1", "app");

	(void)state;
	accept_leaf("2001:db8::1", "browser", "plain.example", start);
	accept_leaf("2001:db8::2", "browser", "plain.example", start);
	accept_leaf("32.1.13.184", "browser", "plain.example", start); /* starts as those */
	for (uint16_t port = 1; port <= 3; port++) {
		addr_set_port(&who.address, port);
		assert_int_equal(pinned_refused(pinned, &who, "a.example", start, &count),
				 PINNED_NOT_YET);
	}
	assert_count(3, 1);
	assert_int_equal(refuse_leaf("2001:db8::2", "app", "a.example", start), PINNED_NEW);
	assert_count(4, 2);
	assert_false(is("32.1.13.184", "app", "a.example", start));
}

static void test_options(void **state)
{
	static const struct pinned_options one = { .refusals = 1, .clients = 1, .window = 1 };
	static const struct pinned_options none = { .window = 1 };

	(void)state;
	pinned_set_options(pinned, &none);
	assert_false(is("192.0.2.1", "app", "a.example", start));
	two_trusting();
	assert_int_equal(refuse_leaf("192.0.2.1", "app", "a.example", start), PINNED_NEW);
	pinned_set_options(pinned, &one);
	assert_int_equal(refuse_leaf("192.0.2.1", "app", "a.example", start), PINNED_KNOWN);
	pinned_set_options(pinned, &defaults); /* stricter: no longer */
	assert_false(is("192.0.2.1", "app", "a.example", start));
}

/* --- who lacks our CA --- */

static void test_address_took_none(void **state)
{
	(void)state;
	two_trusting();
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(refuse_leaf("192.0.2.9", "app", "a.example", start),
				 PINNED_UNTRUSTING);
	assert_count(0, 0);
	refuse_leaf("192.0.2.1", "app", "a.example", start);
	refuse_leaf("192.0.2.1", "app", "a.example", start);
	refuse_leaf("192.0.2.1", "app", "a.example", start);
	assert_count(3, 1);
	assert_int_equal(refuse_leaf("192.0.2.2", "app", "a.example", start), PINNED_NEW);
	/* Though the host is pinned now: not for whoever refuses all. */
	assert_int_equal(refuse_leaf("192.0.2.9", "app", "a.example", start), PINNED_UNTRUSTING);
	assert_false(is("192.0.2.9", "app", "a.example", start));
}

static void test_trust_shown_later(void **state)
{
	(void)state;
	accept_leaf("192.0.2.1", "browser", "plain.example", start);
	refuse_leaf("192.0.2.1", "app", "a.example", start);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(refuse_leaf("192.0.2.9", "app", "a.example", start),
				 PINNED_UNTRUSTING);
	assert_count(1, 1);
	assert_false(is("192.0.2.9", "app", "a.example", start));
	accept_leaf("192.0.2.9", "browser", "plain.example", start);
	assert_true(is("192.0.2.9", "app", "a.example", start));
	assert_true(is("192.0.2.1", "app", "a.example", start));
}

static void test_program_refuses_all(void **state)
{
	static const char *const hosts[] = { "b.example", "c.example", "d.example", "e.example" };

	(void)state;
	two_trusting();
	for (unsigned i = 0; i < 2; i++) {
		refuse_leaf("192.0.2.1", "app", "a.example", start);
		refuse_leaf("192.0.2.2", "app", "a.example", start);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(refuse_leaf("192.0.2.1", "app", hosts[i], start), PINNED_NOT_YET);
	assert_true(is("192.0.2.1", "app", "a.example", start)); /* four hosts */
	assert_int_equal(refuse_leaf("192.0.2.1", "app", hosts[3], start), PINNED_UNTRUSTING);
	assert_false(is("192.0.2.1", "app", "a.example", start)); /* five: nothing of it counts */
	assert_false(is("192.0.2.2", "app", "a.example", start));
	refuse_leaf("192.0.2.2", "app", "a.example", start);
	assert_count(3, 1);
	accept_leaf("192.0.2.1", "app", "plain.example", start); /* it has our CA after all */
	assert_true(is("192.0.2.1", "app", "a.example", start));
	assert_true(is("192.0.2.2", "app", "a.example", start));
	assert_int_equal(refuse_leaf("192.0.2.1", "app", "f.example", start), PINNED_NOT_YET);
}

static void test_old_hosts_show_nothing(void **state)
{
	static const char *const hosts[] = { "b.example", "c.example", "d.example", "e.example" };
	uint64_t later = start + 61 * minute;

	(void)state;
	two_trusting();
	for (unsigned i = 0; i < N_OF(hosts); i++)
		refuse_leaf("192.0.2.1", "app", hosts[i], start);
	accept_leaf("192.0.2.1", "browser", "plain.example", later);
	assert_int_equal(refuse_leaf("192.0.2.1", "app", "a.example", later), PINNED_NOT_YET);
	assert_count(1, 1);
}

/* --- what is taken back, and what is forgotten --- */

static void test_accepted_clears(void **state)
{
	(void)state;
	two_trusting();
	for (unsigned i = 0; i < 2; i++) {
		refuse_leaf("192.0.2.1", "app", "a.example", start);
		refuse_leaf("192.0.2.2", "app", "a.example", start);
	}
	accept_leaf("192.0.2.1", "browser", "a.example", start); /* another program's */
	accept_leaf("192.0.2.1", "app", "b.example", start);     /* another host's */
	assert_true(is("192.0.2.1", "app", "a.example", start));
	accept_leaf("192.0.2.1", "app", "a.example", start);
	assert_false(is("192.0.2.1", "app", "a.example", start));
	assert_false(is("192.0.2.2", "app", "a.example", start));
	refuse_leaf("192.0.2.2", "app", "a.example", start);
	assert_count(3, 1);
}

static void test_window(void **state)
{
	uint64_t end = start + defaults.window;

	(void)state;
	two_trusting();
	refuse_leaf("192.0.2.1", "app", "a.example", start);
	refuse_leaf("192.0.2.1", "app", "a.example", start + minute);
	assert_int_equal(refuse_leaf("192.0.2.2", "app", "a.example", start + 2 * minute),
			 PINNED_NEW);
	assert_true(is("192.0.2.2", "app", "a.example", end));
	accept_leaf("192.0.2.1", "browser", "plain.example", end);
	accept_leaf("192.0.2.2", "browser", "plain.example", end);
	assert_true(is("192.0.2.2", "app", "a.example", end));
	assert_false(is("192.0.2.2", "app", "a.example", end + 1)); /* the first is too old */
	assert_int_equal(refuse_leaf("192.0.2.2", "app", "a.example", end + 1), PINNED_NEW);
	assert_count(3, 2);
	refuse_leaf("192.0.2.2", "app", "a.example", end + 10 * minute);
	assert_count(2, 1); /* 192.0.2.1 did nothing of late */
}

static void test_trust_grows_old(void **state)
{
	uint64_t end = start + defaults.window;

	(void)state;
	two_trusting();
	for (unsigned i = 0; i < 2; i++) {
		refuse_leaf("192.0.2.1", "app", "a.example", end);
		refuse_leaf("192.0.2.2", "app", "a.example", end);
	}
	assert_true(is("192.0.2.1", "app", "a.example", end));
	assert_false(is("192.0.2.1", "app", "a.example", end + 1));
	assert_int_equal(refuse_leaf("192.0.2.1", "app", "a.example", end + 1), PINNED_UNTRUSTING);
	assert_count(0, 0);
}

static void test_nothing_stays(void **state)
{
	(void)state;
	two_trusting();
	refuse_leaf("192.0.2.1", "app", "a.example", start);
	refuse_leaf("192.0.2.3", "app", "b.example", start);
	accept_leaf("192.0.2.4", "app", "b.example", start + defaults.window + 1);
	assert_int_equal(HASH_COUNT(pinned->addresses), 1);
	assert_int_equal(HASH_COUNT(pinned->programs), 1);
	assert_null(pinned->hosts);
	assert_null(pinned->refusals);
}

static void test_clock_set_back(void **state)
{
	(void)state;
	two_trusting();
	refuse_leaf("192.0.2.1", "app", "a.example", start);
	assert_int_equal(refuse_leaf("192.0.2.1", "app", "a.example", start - minute),
			 PINNED_NOT_YET);
	assert_count(2, 1);
}

/* --- bounds --- */

static void test_times_of_one_client(void **state)
{
	(void)state;
	two_trusting();
	for (unsigned i = 0; i < 3 * PINNED_TIMES; i++)
		refuse_leaf("192.0.2.1", "app", "a.example", start + i);
	assert_count(PINNED_TIMES, 1);
	/* The latest are those that are kept. */
	accept_leaf("192.0.2.1", "browser", "plain.example", start + minute);
	refuse_leaf("192.0.2.1", "app", "a.example", start + defaults.window + PINNED_TIMES);
	assert_count(PINNED_TIMES, 1);
}

static void test_refusals_of_one_address(void **state)
{
	char host[32];

	(void)state;
	two_trusting();
	accept_leaf("192.0.2.1", "app", "plain.example", start);
	refuse_leaf("192.0.2.2", "app", "h0.example", start);
	for (unsigned i = 0; i <= PINNED_ADDRESS_REFUSALS; i++) {
		snprintf(host, sizeof(host), "h%u.example", i);
		refuse_leaf("192.0.2.1", "app", host, start);
		if (i == 1) {
			refuse_leaf("192.0.2.1", "app", "h0.example", start); /* now the youngest */
			assert_count(3, 2);
		}
	}
	assert_int_equal(pinned->n_refusals, PINNED_ADDRESS_REFUSALS + 1);
	assert_null(host_find(pinned, "h1.example"));
	assert_true(is("192.0.2.1", "app", "h0.example", start));
}

static void test_refusals_of_one_host(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= PINNED_HOST_REFUSALS; i++) {
		struct pinned_client who = numbered(i);

		pinned_refused(pinned, &who, "a.example", start, &count);
	}
	for (unsigned i = 0; i <= PINNED_HOST_REFUSALS; i++) {
		struct pinned_client who = numbered(i);

		pinned_accepted(pinned, &who, "plain.example", start);
	}
	assert_false(is("10.0.0.0", "app", "a.example", start));
	assert_true(is("10.0.0.1", "app", "a.example", start));
	refuse_leaf("10.0.0.1", "app", "a.example", start);
	assert_count(PINNED_HOST_REFUSALS + 1, PINNED_HOST_REFUSALS);
}

static void test_refusals_of_all(void **state)
{
	char host[32];

	(void)state;
	for (unsigned i = 0; i <= PINNED_REFUSALS; i++) {
		struct pinned_client who = numbered(i / PINNED_ADDRESS_REFUSALS);

		snprintf(host, sizeof(host), "h%u.example", i);
		pinned_refused(pinned, &who, host, start, &count);
	}
	assert_int_equal(pinned->n_refusals, PINNED_REFUSALS);
	assert_int_equal(HASH_COUNT(pinned->hosts), PINNED_REFUSALS);
	assert_null(host_find(pinned, "h0.example"));
	assert_non_null(host_find(pinned, "h1.example"));
}

static void test_addresses_and_programs(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= PINNED_ADDRESSES; i++) {
		struct pinned_client who = numbered(i);

		if (i == 1) { /* so that the first is not the oldest */
			struct pinned_client first = numbered(0);

			pinned_accepted(pinned, &first, "plain.example", start);
			pinned_refused(pinned, &who, "a.example", start, &count);
			assert_non_null(pinned->hosts);
		} else {
			pinned_accepted(pinned, &who, "plain.example", start);
		}
	}
	assert_int_equal(HASH_COUNT(pinned->addresses), PINNED_ADDRESSES);
	assert_int_equal(HASH_COUNT(pinned->programs), PINNED_PROGRAMS);
	struct program_key first = { 0 }, last = { 0 };
	struct pinned_client who = numbered(0);

	first = client_key(&who);
	who = numbered(PINNED_ADDRESSES + 1);
	last = client_key(&who);
	pinned_accepted(pinned, &who, "plain.example", start);
	assert_non_null(program_find(pinned, &last));
	assert_int_equal(HASH_COUNT(pinned->programs), PINNED_PROGRAMS);
	assert_int_equal(HASH_COUNT(pinned->addresses), PINNED_ADDRESSES);
	assert_null(address_find(pinned, &first)); /* with it, and its neighbour, the refusal */
	assert_null(pinned->hosts);
}

static void test_long_program(void **state)
{
	static const char *const forty = "0123456789012345678901234567890123456789";
	static const char *const other = "012345678901234567890123456789012345678X";

	(void)state;
	two_trusting();
	refuse_leaf("192.0.2.1", forty, "a.example", start);
	refuse_leaf("192.0.2.1", other, "a.example", start);
	assert_int_equal(pinned->n_refusals, 1);
}

/* --- without memory --- */

static void test_no_memory(void **state)
{
	(void)state;
	plenty = 0;
	assert_null(pinned_new(&defaults));
	/* One call with the first n allocations granted; what is half made must not stay. */
	for (unsigned n = 0; n < 8; n++) {
		plenty = n;
		refuse_leaf("192.0.2.1", "app", "a.example", start);
		assert_true(!pinned->hosts == !pinned->refusals);
		plenty = n;
		accept_leaf("192.0.2.1", "app", "plain.example", start);
		pinned_free(pinned);
		plenty = -1U;
		pinned = pinned_new(&defaults);
	}
	two_trusting();
	plenty = 0; /* known ones need none */
	accept_leaf("192.0.2.1", "browser", "plain.example", start);
	assert_int_equal(refuse_leaf("192.0.2.1", "app", "a.example", start), PINNED_NOT_YET);
	assert_count(0, 0);
	assert_false(is("192.0.2.1", "app", "a.example", start));
	plenty = -1U;
	pinned_free(NULL);
}

/* --- threads --- */

enum { THREADS = 4, ROUNDS = 3000 };

static void *use(void *context)
{
	unsigned self = (unsigned)(uintptr_t)context;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct pinned_client who = numbered((self + i) % 8);
		struct pinned_count own;
		char host[] = "a.example";

		host[0] = (char)('a' + i % 4);
		if (i % 3 == 0)
			pinned_accepted(pinned, &who, i % 2 ? host : "plain.example", start + i);
		else
			pinned_refused(pinned, &who, host, start + i, &own);
		pinned_is(pinned, &who, host, start + i);
		if (i % 100 == 0)
			pinned_set_options(pinned, &defaults);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use, (void *)i), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(HASH_COUNT(pinned->addresses), 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_refusals_and_clients),
		TEST(test_clients_but_few_refusals),
		TEST(test_only_who_refused),
		TEST(test_programs_of_one_address),
		TEST(test_port_and_family),
		TEST(test_options),
		TEST(test_address_took_none),
		TEST(test_trust_shown_later),
		TEST(test_program_refuses_all),
		TEST(test_old_hosts_show_nothing),
		TEST(test_accepted_clears),
		TEST(test_window),
		TEST(test_trust_grows_old),
		TEST(test_nothing_stays),
		TEST(test_clock_set_back),
		TEST(test_times_of_one_client),
		TEST(test_refusals_of_one_address),
		TEST(test_refusals_of_one_host),
		TEST(test_refusals_of_all),
		TEST(test_addresses_and_programs),
		TEST(test_long_program),
		TEST(test_no_memory),
		TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
