/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_WAITER_H
#define POSTERN_LEARN_WAITER_H

#include "base/addr.h"

/* One probe of a server for all who wait for what it finds. */
struct learned;

enum learned_turn {
	LEARNED_TURN_PROBE, /* the caller probes, and ends with learned_probe_end() or _cancel() */
	LEARNED_TURN_WAIT,  /* another does: wake() will be called */
	LEARNED_TURN_DONE,  /* the other is done: look again */
};

/*
 * Embedded in its owner, zero but for `wake`. wake() is called from any thread, under a lock: it
 * wakes the owner's thread and does nothing else. The owner then asks learned_waiter_turn().
 */
struct learned_waiter {
	void (*wake)(struct learned_waiter *waiter);
	struct learned_waiter *prev, *next; /* the rest is the module's */
	struct flight *flight;
	enum learned_turn turn;
};

/* PROBE or WAIT. Without memory each caller is told to probe. */
enum learned_turn learned_probe_begin(struct learned *learned, const char *host,
				      const union addr *server, struct learned_waiter *waiter);
enum learned_turn learned_waiter_turn(struct learned *learned, struct learned_waiter *waiter);
/* The prober is done, well or not: all who wait are woken. */
void learned_probe_end(struct learned *learned, struct learned_waiter *waiter);
/* No more interest; the prober's duty goes to the next who waits. wake() will not be called. */
void learned_waiter_cancel(struct learned *learned, struct learned_waiter *waiter);

#endif
