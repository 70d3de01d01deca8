/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_GATE_DOOR_H
#define POSTERN_GATE_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "policy/config.h"

/* What holds for new connections. Pure: what is known goes in, the state of the door comes out. */
struct door_facts {
	bool is_stopping;
	bool has_rules; /* the kernel has our sets */
	bool has_queue; /* we are the ones it asks; or it cannot ask at all */
};

struct door {
	enum status_door state;
	enum status_why why;
};

/* `before` is what it was: an engine that never was ready is starting, later it is gone. */
struct door door_decide(const struct status *status, const struct door_facts *facts,
			enum on_failure on_failure, struct door before, uint64_t now);

/*
 * The flags (bits 1 << SETS_...) that say it to the rules. `can_return`: what has gone through
 * FORWARD can be brought back to be intercepted.
 */
unsigned door_flags(struct door door, const struct config *config, bool can_return);

#endif
