/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_TIMER_H
#define POSTERN_BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Deadlines of many objects, one each: a hashed wheel. Setting, moving and clearing are O(1);
 * precision is one tick. Times are clock_us() / 1000, in milliseconds. Not thread safe: one wheel
 * per loop.
 */

enum {
	WHEEL_TICK_MS = 16,
	WHEEL_SLOTS = 1024,
};

struct timer {
	struct timer *prev; /* NULL: not set */
	struct timer *next;
	uint64_t due;
};

struct wheel {
	struct timer slots[WHEEL_SLOTS]; /* list heads */
	struct timer expired;            /* list head of what wheel_pop() gives out */
	uint64_t tick; /* every slot up to this tick was emptied of what was due */
	unsigned n_set;
};

void wheel_init(struct wheel *wheel, uint64_t now);

/* Embedded in its object; all zero is a timer that is not set. Setting it again moves it. */
void timer_set(struct wheel *wheel, struct timer *timer, uint64_t due);
void timer_clear(struct wheel *wheel, struct timer *timer);

/* The next timer whose time has come, cleared; NULL when there is none. */
struct timer *wheel_pop(struct wheel *wheel, uint64_t now);

/* Milliseconds that a loop may sleep, -1 for ever. May be early; late by at most a tick. */
int wheel_sleep(const struct wheel *wheel, uint64_t now);

#endif
