/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/door.h"

#include "net/sets.h"

static enum status_why why_not(const struct status *status, const struct door_facts *facts,
			       struct door before, uint64_t now)
{
	if (facts->is_stopping)
		return STATUS_WHY_STOPPED;
	if (status->engine == 0 || status->n_workers == 0)
		return before.state == STATUS_DOOR_ARMED || before.why == STATUS_WHY_ENGINE
			       ? STATUS_WHY_ENGINE
			       : STATUS_WHY_STARTING;
	if (!status_is_alive(status, now))
		return STATUS_WHY_WORKER;
	if (!facts->has_rules)
		return STATUS_WHY_RULES;
	if (!facts->has_queue)
		return STATUS_WHY_QUEUE;
	return STATUS_WHY_NONE;
}

struct door door_decide(const struct status *status, const struct door_facts *facts,
			enum on_failure on_failure, struct door before, uint64_t now)
{
	struct door door = { .why = why_not(status, facts, before, now) };

	if (door.why == STATUS_WHY_NONE)
		door.state = STATUS_DOOR_ARMED;
	else if (on_failure == ON_FAILURE_OPEN)
		door.state = STATUS_DOOR_OPEN;
	else
		door.state = STATUS_DOOR_CLOSED;
	return door;
}

unsigned door_flags(struct door door, const struct config *config, bool can_return)
{
	static const unsigned quic[] = { [QUIC_REJECT] = 1U << SETS_QUIC_REJECT,
					 [QUIC_ALLOW] = 1U << SETS_QUIC_ALLOW,
					 [QUIC_BY_HOST] = 1U << SETS_QUIC_QUEUE };
	unsigned flags = config->on_failure == ON_FAILURE_CLOSED ? 1U << SETS_CLOSED : 0;

	if (door.state != STATUS_DOOR_ARMED)
		return flags;
	flags |= 1U << SETS_ARMED | quic[config->quic];
	if (can_return && config->gate.forward_rules == FORWARD_RULES_HONOUR)
		flags |= 1U << SETS_FORWARD_FIRST;
	return flags;
}
