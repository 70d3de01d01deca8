/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The wheel against a model that keeps nothing but due times: over simulated time a timer must come
 * out once, never before it is due, and at the latest a tick after.
 */
#include "test/unit/cmocka_all.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/timer.h"

enum {
	TIMERS = 500,
	TURN_MS = WHEEL_TICK_MS * WHEEL_SLOTS,
};

static const uint64_t start = 123456789;

struct model {
	struct timer timer; /* first: a timer is its model */
	bool is_set;
	uint64_t due;
	uint64_t by; /* the same, or when it was set, whichever is later */
};

static struct wheel wheel;
static struct model models[TIMERS];
static uint32_t dice;

static uint32_t roll(uint32_t n)
{
	dice = dice * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)dice * n) >> 32);
}

static int setup(void **state)
{
	(void)state;
	memset(models, 0, sizeof(models));
	dice = 1;
	wheel_init(&wheel, start);
	return 0;
}

/* Mostly near, some beyond one turn of the wheel, a few beyond many, a few in the past. */
static uint64_t random_due(uint64_t now)
{
	switch (roll(8)) {
	case 0:
		return now + roll(3 * TURN_MS);
	case 1:
		return now + TURN_MS + roll(2 * WHEEL_TICK_MS) - WHEEL_TICK_MS;
	case 2:
		return now - roll(1000);
	case 3:
		return now;
	default:
		return now + roll(5000);
	}
}

static void change_one(uint64_t now)
{
	struct model *model = &models[roll(TIMERS)];

	if (roll(4) == 0) {
		timer_clear(&wheel, &model->timer);
		model->is_set = false;
		return;
	}
	model->due = random_due(now);
	model->by = model->due > now ? model->due : now;
	model->is_set = true;
	timer_set(&wheel, &model->timer, model->due);
}

static unsigned pop_all(uint64_t now)
{
	struct timer *timer;
	unsigned n = 0;

	while ((timer = wheel_pop(&wheel, now))) {
		struct model *model = (struct model *)timer;

		assert_true(model->is_set);
		assert_true(model->due <= now);
		assert_null(timer->prev);
		model->is_set = false;
		n++;
	}
	return n;
}

static uint64_t next_by(unsigned *ret_n)
{
	uint64_t due = UINT64_MAX;

	*ret_n = 0;
	for (unsigned i = 0; i < TIMERS; i++) {
		if (!models[i].is_set)
			continue;
		(*ret_n)++;
		if (models[i].by < due)
			due = models[i].by;
	}
	return due;
}

static void check_state(uint64_t now)
{
	unsigned n;
	uint64_t due = next_by(&n);
	int sleep = wheel_sleep(&wheel, now);

	assert_int_equal(wheel.n_set, n);
	if (n == 0) {
		assert_int_equal(sleep, -1);
		return;
	}
	assert_true(due + WHEEL_TICK_MS > now);
	assert_true(sleep >= 0);
	/* Sleeping as told must not overshoot by more than a tick. */
	assert_true(now + (uint64_t)sleep <= due + WHEEL_TICK_MS);
}

static void test_model(void **state)
{
	uint64_t now = start;

	(void)state;
	for (unsigned step = 0; step < 20000; step++) {
		unsigned changes = roll(8);

		for (unsigned i = 0; i < changes; i++)
			change_one(now);
		/* As the loop does: asleep for as long as the wheel says, or woken before. */
		now += roll(3) ? roll(40) : (uint64_t)(wheel_sleep(&wheel, now) + 1);
		if (roll(1000) == 0)
			now += roll(5 * TURN_MS);
		pop_all(now);
		check_state(now);
	}
	pop_all(now + 4 * TURN_MS);
	check_state(now + 4 * TURN_MS);
	assert_int_equal(wheel.n_set, 0);
}

/* Sleeping as told, and only that, must reach a deadline far beyond one turn in few steps. */
static void test_far_future(void **state)
{
	const uint64_t dues[] = { start + TURN_MS - 1, start + TURN_MS, start + TURN_MS + 1,
				  start + 10 * TURN_MS + 7, start + 3600 * 1000 };

	(void)state;
	for (unsigned i = 0; i < N_OF(dues); i++) {
		uint64_t now = start;
		unsigned steps = 0;

		wheel_init(&wheel, start);
		models[0] = (struct model){ .is_set = true, .due = dues[i] };
		timer_set(&wheel, &models[0].timer, dues[i]);
		while (pop_all(now) == 0) {
			now += (uint64_t)wheel_sleep(&wheel, now);
			steps++;
		}
		assert_in_range(now, dues[i], dues[i] + WHEEL_TICK_MS);
		assert_in_range(steps, 1, (dues[i] - start) / TURN_MS + 2);
	}
}

/* While timers are popped one may clear or move others, those that have expired with it too. */
static void test_change_while_popping(void **state)
{
	uint64_t now = start + 1000;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		timer_set(&wheel, &models[i].timer, start + 100);
	assert_ptr_equal(wheel_pop(&wheel, now), &models[0].timer);
	timer_clear(&wheel, &models[1].timer);
	timer_clear(&wheel, &models[1].timer); /* twice is nothing */
	timer_set(&wheel, &models[2].timer, now + 500);
	timer_set(&wheel, &models[0].timer, now + 400);
	assert_int_equal(wheel_sleep(&wheel, now), 0); /* one is due already */
	assert_ptr_equal(wheel_pop(&wheel, now), &models[3].timer);
	assert_null(wheel_pop(&wheel, now));
	assert_null(wheel_pop(&wheel, now + 399));
	assert_ptr_equal(wheel_pop(&wheel, now + 400 + WHEEL_TICK_MS), &models[0].timer);
	assert_ptr_equal(wheel_pop(&wheel, now + 500 + WHEEL_TICK_MS), &models[2].timer);
	assert_int_equal(wheel.n_set, 0);
	assert_int_equal(wheel_sleep(&wheel, now), -1);
}

/* The machine was suspended: all that is due comes out at once, the rest stays where it is. */
static void test_jump(void **state)
{
	uint64_t now = start + 1000 * (uint64_t)TURN_MS;
	unsigned due = 0;

	(void)state;
	for (unsigned i = 0; i < TIMERS; i++) {
		models[i].is_set = true;
		models[i].due = models[i].by =
			start + (uint64_t)roll(2000) * TURN_MS + roll(TURN_MS);
		due += models[i].due + WHEEL_TICK_MS <= now;
		timer_set(&wheel, &models[i].timer, models[i].due);
	}
	assert_true(pop_all(now) >= due);
	assert_in_range(due, 100, TIMERS - 100);
	check_state(now);
	/* A clock that stands, or goes back, expires nothing and loses nothing. */
	assert_int_equal(pop_all(now), 0);
	assert_int_equal(pop_all(start), 0);
	pop_all(now + 1001 * (uint64_t)TURN_MS);
	assert_int_equal(wheel.n_set, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_model, setup),
		cmocka_unit_test_setup(test_far_future, setup),
		cmocka_unit_test_setup(test_change_while_popping, setup),
		cmocka_unit_test_setup(test_jump, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
