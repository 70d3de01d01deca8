/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate/door.h"
#include "net/sets.h"

enum { NOW = 1000000 };

static const struct door_facts all_well = { .has_rules = true, .has_queue = true };
static const struct door unknown = { STATUS_DOOR_UNKNOWN, STATUS_WHY_NONE };

static struct status alive(void)
{
	struct status status = { .engine = 1, .n_workers = 2 };

	status.beat[0] = NOW - 10;
	status.beat[1] = NOW - STATUS_STALE_MS;
	return status;
}

static void check(const struct status *status, const struct door_facts *facts, enum status_why why)
{
	struct door open = door_decide(status, facts, ON_FAILURE_OPEN, unknown, NOW);
	struct door closed = door_decide(status, facts, ON_FAILURE_CLOSED, unknown, NOW);

	assert_int_equal(open.why, why);
	assert_int_equal(closed.why, why);
	assert_int_equal(open.state, why ? STATUS_DOOR_OPEN : STATUS_DOOR_ARMED);
	assert_int_equal(closed.state, why ? STATUS_DOOR_CLOSED : STATUS_DOOR_ARMED);
}

static void test_armed(void **state)
{
	struct status status = alive();

	(void)state;
	check(&status, &all_well, STATUS_WHY_NONE);
}

static void test_each_fault(void **state)
{
	struct door_facts facts;
	struct status status = alive();

	(void)state;
	status.beat[1] = NOW - STATUS_STALE_MS - 1;
	check(&status, &all_well, STATUS_WHY_WORKER);
	status.beat[1] = 0; /* stopped accepting */
	check(&status, &all_well, STATUS_WHY_WORKER);
	status = alive();
	status.n_workers = STATUS_WORKERS + 1; /* nobody writes that */
	check(&status, &all_well, STATUS_WHY_WORKER);
	status = alive();
	status.n_workers = 0;
	check(&status, &all_well, STATUS_WHY_STARTING);
	status = alive();
	status.engine = 0;
	check(&status, &all_well, STATUS_WHY_STARTING);
	status = alive();
	facts = all_well;
	facts.has_rules = false;
	check(&status, &facts, STATUS_WHY_RULES);
	facts = all_well;
	facts.has_queue = false;
	check(&status, &facts, STATUS_WHY_QUEUE);
	facts = all_well;
	facts.is_stopping = true;
	check(&status, &facts, STATUS_WHY_STOPPED);
}

static void test_engine_that_was_there_is_gone(void **state)
{
	struct status status = alive();
	struct door door = door_decide(&status, &all_well, ON_FAILURE_OPEN, unknown, NOW);

	(void)state;
	status.engine = 0;
	for (unsigned i = 0; i < 3; i++) {
		door = door_decide(&status, &all_well, ON_FAILURE_OPEN, door, NOW);
		assert_int_equal(door.why, STATUS_WHY_ENGINE);
	}
}

static void test_flags(void **state)
{
	static const struct {
		enum quic quic;
		unsigned flag;
	} quics[] = { { QUIC_REJECT, 1U << SETS_QUIC_REJECT },
		      { QUIC_ALLOW, 1U << SETS_QUIC_ALLOW },
		      { QUIC_BY_HOST, 1U << SETS_QUIC_QUEUE } };
	struct door armed = { STATUS_DOOR_ARMED, STATUS_WHY_NONE };
	struct door open = { STATUS_DOOR_OPEN, STATUS_WHY_ENGINE };
	struct door closed = { STATUS_DOOR_CLOSED, STATUS_WHY_ENGINE };
	struct config config = { .on_failure = ON_FAILURE_OPEN };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		config.quic = quics[i].quic;
		assert_int_equal(door_flags(armed, &config, false),
				 1U << SETS_ARMED | quics[i].flag);
	}
	config.quic = QUIC_REJECT;
	assert_int_equal(door_flags(open, &config, true), 0);
	config.on_failure = ON_FAILURE_CLOSED;
	assert_int_equal(door_flags(closed, &config, true), 1U << SETS_CLOSED);
	assert_int_equal(door_flags(armed, &config, true), 1U << SETS_ARMED | 1U << SETS_CLOSED |
								   1U << SETS_QUIC_REJECT |
								   1U << SETS_FORWARD_FIRST);
	config.gate.forward_rules = FORWARD_RULES_IGNORE;
	assert_false(door_flags(armed, &config, true) & 1U << SETS_FORWARD_FIRST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_armed),
		cmocka_unit_test(test_each_fault),
		cmocka_unit_test(test_engine_that_was_there_is_gone),
		cmocka_unit_test(test_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
