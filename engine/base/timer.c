/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/timer.h"

#include <stddef.h>

static void list_init(struct timer *head)
{
	head->prev = head->next = head;
}

static void list_add(struct timer *head, struct timer *timer)
{
	timer->prev = head->prev;
	timer->next = head;
	head->prev->next = timer;
	head->prev = timer;
}

static void list_remove(struct timer *timer)
{
	timer->prev->next = timer->next;
	timer->next->prev = timer->prev;
	timer->prev = timer->next = NULL;
}

void wheel_init(struct wheel *wheel, uint64_t now)
{
	for (unsigned i = 0; i < WHEEL_SLOTS; i++)
		list_init(&wheel->slots[i]);
	list_init(&wheel->expired);
	wheel->tick = now / WHEEL_TICK_MS;
	wheel->n_set = 0;
}

void timer_set(struct wheel *wheel, struct timer *timer, uint64_t due)
{
	uint64_t tick = due / WHEEL_TICK_MS + 1; /* the first tick by which it is surely due */

	timer_clear(wheel, timer);
	if (tick <= wheel->tick)
		tick = wheel->tick + 1;
	timer->due = due;
	list_add(&wheel->slots[tick % WHEEL_SLOTS], timer);
	wheel->n_set++;
}

void timer_clear(struct wheel *wheel, struct timer *timer)
{
	if (!timer->prev)
		return;
	list_remove(timer);
	wheel->n_set--;
}

/* A slot holds timers of several turns of the wheel; those of later turns stay. */
static void slot_expire(struct wheel *wheel, struct timer *head, uint64_t now)
{
	struct timer *next;

	for (struct timer *timer = head->next; timer != head; timer = next) {
		next = timer->next;
		if (timer->due <= now) {
			list_remove(timer);
			list_add(&wheel->expired, timer);
		}
	}
}

struct timer *wheel_pop(struct wheel *wheel, uint64_t now)
{
	uint64_t tick = now / WHEEL_TICK_MS;
	struct timer *timer;

	if (tick > wheel->tick + WHEEL_SLOTS)
		wheel->tick = tick - WHEEL_SLOTS; /* one whole turn sees every slot */
	while (wheel->tick < tick) {
		wheel->tick++;
		slot_expire(wheel, &wheel->slots[wheel->tick % WHEEL_SLOTS], now);
	}
	if (wheel->expired.next == &wheel->expired)
		return NULL;
	timer = wheel->expired.next;
	timer_clear(wheel, timer);
	return timer;
}

int wheel_sleep(const struct wheel *wheel, uint64_t now)
{
	if (wheel->n_set == 0)
		return -1;
	if (wheel->expired.next != &wheel->expired)
		return 0;
	for (uint64_t tick = wheel->tick + 1; tick <= wheel->tick + WHEEL_SLOTS; tick++) {
		const struct timer *head = &wheel->slots[tick % WHEEL_SLOTS];

		if (head->next != head)
			return tick * WHEEL_TICK_MS > now ? (int)(tick * WHEEL_TICK_MS - now) : 0;
	}
	return -1;
}
