/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_FLIGHT_H
#define POSTERN_LEARN_FLIGHT_H

#include <pthread.h>

#include "learn/key.h"
#include "learn/learn.h"

/*
 * Probes that are under way, so that a thousand first connections to one server make one. What the
 * functions promise is in learn.h, at learned_probe_begin() and after it.
 */
struct flights {
	pthread_mutex_t lock; /* of all below, and of each waiter's fields */
	struct flight *flights;
};

void flights_init(struct flights *flights);
/* Nobody may wait any more. */
void flights_deinit(struct flights *flights);

enum learned_turn flights_begin(struct flights *flights, const struct key *key,
				struct learned_waiter *waiter);
enum learned_turn flights_turn(struct flights *flights, const struct learned_waiter *waiter);
void flights_end(struct flights *flights, struct learned_waiter *waiter);
void flights_cancel(struct flights *flights, struct learned_waiter *waiter);

#endif
