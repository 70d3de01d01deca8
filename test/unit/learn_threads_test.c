/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Learned servers under several threads, and one probe for all who wait. */
#include "test/unit/cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "learn/learn.h"

enum { THREADS = 4, ROUNDS = 3000 };

static struct learned *learned;
static union addr server;

static int setup(void **state)
{
	struct learned_options options = LEARNED_DEFAULTS;

	(void)state;
	options.max = 64;
	options.per_client = 1000000;
	assert_int_equal(learned_open(&options, "none", &learned), 0);
	assert_true(addr_parse("192.0.2.1", 443, &server));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	learned_free(learned);
	return 0;
}

static void run(void *(*body)(void *))
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, body, (void *)i), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

/* --- the table --- */

static struct entry seen(unsigned parent, unsigned i, uint64_t moment)
{
	struct entry entry = { .server = server,
			       .first_seen = moment,
			       .last_seen = moment,
			       .expires = moment + 1,
			       .server_key = { 1 } };

	snprintf(entry.host, sizeof(entry.host), "h%u.p%u.example.gov", i, parent);
	snprintf(entry.issuer, sizeof(entry.issuer), "CN=%u", i % 7);
	return entry;
}

static bool look(void *context, const struct entry *entry)
{
	uintptr_t *wrong = context;

	*wrong += strstr(entry->host, ".example.gov") == NULL;
	return true;
}

static void *hammer(void *argument)
{
	unsigned self = (unsigned)(uintptr_t)argument;
	uintptr_t wrong = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct entry entry = seen(self, i * 7 % 50, i), found;

		(void)learned_note(learned, &entry, &server, true, NULL);
		entry = seen((self + 1) % THREADS, i * 3 % 50, i);
		if (learned_find(learned, entry.host, &server, i, &found) != LEARNED_UNKNOWN)
			(void)look(&wrong, &found);
		(void)learned_look(learned, entry.host, &server, i, &found);
		if (i % 100 == 0)
			(void)learned_set_state(learned, entry.host, &server,
						(enum learn_state)(i / 100 % LEARN_N_STATES), i);
		if (i % 150 == 0)
			(void)learned_forget(learned, entry.host, NULL, i);
		if (i % 500 == 0 && learned_each(learned, look, &wrong) < 0)
			wrong++;
	}
	return (void *)wrong;
}

static void test_table(void **state)
{
	uintptr_t wrong = 0;

	(void)state;
	run(hammer);
	assert_int_equal(learned_each(learned, look, &wrong), 0);
	assert_int_equal(wrong, 0);
	assert_true(learned_count(learned) <= 64 + THREADS * ROUNDS / 100);
}

/* Of many who meet an expired entry, one is asked. */
static atomic_uint n_stale;

static void *meet(void *argument)
{
	struct entry found;

	(void)argument;
	for (unsigned i = 0; i < 200; i++)
		n_stale += learned_find(learned, "h1.p1.example.gov", &server, 3600000000,
					&found) == LEARNED_STALE;
	return NULL;
}

static void test_one_is_asked(void **state)
{
	struct entry entry = seen(1, 1, 1);

	(void)state;
	n_stale = 0;
	entry.expires = 2;
	assert_int_equal(learned_note(learned, &entry, NULL, false, NULL), LEARNED_ADDED);
	run(meet);
	assert_int_equal(n_stale, 1);
}

/* --- one probe for all who wait --- */

struct client {
	struct learned_waiter waiter;
	int pipe[2];
	unsigned n_woken;
};

static void wake(struct learned_waiter *waiter)
{
	struct client *client = (struct client *)waiter; /* its first member */

	client->n_woken++;
	if (client->pipe[1] >= 0 && write(client->pipe[1], "w", 1) < 0)
		client->n_woken += 1000;
}

static enum learned_turn begin(struct client *client, const char *host)
{
	memset(client, 0, sizeof(*client));
	client->waiter.wake = wake;
	client->pipe[0] = client->pipe[1] = -1;
	return learned_probe_begin(learned, host, &server, &client->waiter);
}

static enum learned_turn turn(struct client *client)
{
	return learned_waiter_turn(learned, &client->waiter);
}

static void test_single_flight(void **state)
{
	struct client prober, others[20], elsewhere;

	(void)state;
	assert_int_equal(begin(&prober, "a.example"), LEARNED_TURN_PROBE);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(begin(&others[i], "a.example"), LEARNED_TURN_WAIT);
	assert_int_equal(begin(&elsewhere, "b.example"), LEARNED_TURN_PROBE);
	assert_int_equal(turn(&others[3]), LEARNED_TURN_WAIT);
	learned_waiter_cancel(learned, &others[5].waiter);
	learned_probe_end(learned, &prober.waiter);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(turn(&others[i]), LEARNED_TURN_DONE);
		assert_int_equal(others[i].n_woken, i != 5);
		learned_waiter_cancel(learned, &others[i].waiter); /* harmless */
	}
	learned_probe_end(learned, &prober.waiter); /* harmless */
	assert_int_equal(turn(&elsewhere), LEARNED_TURN_PROBE);
	assert_int_equal(begin(&prober, "a.example"), LEARNED_TURN_PROBE); /* anew */
	learned_waiter_cancel(learned, &prober.waiter);
	learned_waiter_cancel(learned, &elsewhere.waiter);
}

static void test_duty_is_handed_on(void **state)
{
	struct client one, two, three;

	(void)state;
	assert_int_equal(begin(&one, "a.example"), LEARNED_TURN_PROBE);
	assert_int_equal(begin(&two, "a.example"), LEARNED_TURN_WAIT);
	assert_int_equal(begin(&three, "a.example"), LEARNED_TURN_WAIT);
	learned_waiter_cancel(learned, &one.waiter);
	assert_int_equal(two.n_woken, 1);
	assert_int_equal(turn(&two), LEARNED_TURN_PROBE);
	assert_int_equal(turn(&three), LEARNED_TURN_WAIT);
	learned_probe_end(learned, &three.waiter); /* not its to end */
	assert_int_equal(turn(&two), LEARNED_TURN_PROBE);
	learned_waiter_cancel(learned, &three.waiter);
	assert_int_equal(begin(&three, "a.example"), LEARNED_TURN_WAIT);
	learned_waiter_cancel(learned, &two.waiter);
	assert_int_equal(turn(&three), LEARNED_TURN_PROBE);
	assert_int_equal(three.n_woken, 1);
	learned_probe_end(learned, &three.waiter);
	assert_int_equal(turn(&three), LEARNED_TURN_DONE);
}

/* Each takes its turn as it comes; some give up in each role. Nobody waits for ever. */
static atomic_uint n_at_work;

static void *queue_up(void *argument)
{
	unsigned seed = 1 + (unsigned)(uintptr_t)argument;
	uintptr_t wrong = 0;

	for (unsigned i = 0; i < 1500; i++) {
		struct client client;
		enum learned_turn my_turn = begin(&client, "a.example");

		if (my_turn == LEARNED_TURN_WAIT && rand_r(&seed) % 4 == 0) {
			learned_waiter_cancel(learned, &client.waiter);
			continue; /* its memory is used again at once */
		}
		while (my_turn == LEARNED_TURN_WAIT) {
			usleep(1);
			my_turn = turn(&client);
		}
		if (my_turn == LEARNED_TURN_PROBE) {
			wrong += ++n_at_work != 1;
			if (rand_r(&seed) % 2)
				usleep(1);
			n_at_work--;
			if (rand_r(&seed) % 3)
				learned_probe_end(learned, &client.waiter);
			else
				learned_waiter_cancel(learned, &client.waiter);
		}
	}
	return (void *)wrong;
}

static void test_flight_threads(void **state)
{
	(void)state;
	run(queue_up);
}

/* Wakes another thread, which finds what the prober has noted. */
static void *wait_for_entry(void *argument)
{
	struct client *client = argument;
	uintptr_t wrong = 0;
	struct entry found;
	char byte;

	wrong += read(client->pipe[0], &byte, 1) != 1;
	wrong += turn(client) != LEARNED_TURN_DONE;
	wrong += learned_find(learned, "h1.p1.example.gov", &server, 1, &found) != LEARNED_FRESH;
	return (void *)wrong;
}

static void test_wakes_thread(void **state)
{
	struct entry entry = seen(1, 1, 1);
	struct client prober, waiter = { .waiter.wake = wake };
	pthread_t thread;
	void *wrong;

	(void)state;
	assert_int_equal(begin(&prober, entry.host), LEARNED_TURN_PROBE);
	assert_int_equal(pipe(waiter.pipe), 0);
	assert_int_equal(learned_probe_begin(learned, entry.host, &server, &waiter.waiter),
			 LEARNED_TURN_WAIT);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_entry, &waiter), 0);
	assert_int_equal(learned_note(learned, &entry, NULL, false, NULL), LEARNED_ADDED);
	learned_probe_end(learned, &prober.waiter);
	assert_int_equal(pthread_join(thread, &wrong), 0);
	assert_null(wrong);
	close(waiter.pipe[0]);
	close(waiter.pipe[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_table),          TEST(test_one_is_asked),
		TEST(test_single_flight),  TEST(test_duty_is_handed_on),
		TEST(test_flight_threads), TEST(test_wakes_thread),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
