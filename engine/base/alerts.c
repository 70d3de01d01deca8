/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A ring of slots, each with a sequence lock: its turn is odd while somebody writes. A writer that
 * finds it odd leaves the slot to the other; one that dies in the middle costs that one slot. The
 * texts are copied word by word, as their reader may look at any time. Alerts are rare: everything
 * is in one order (memory_order_seq_cst), which spares the fences that ThreadSanitizer cannot see.
 */
#include "base/alerts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { WORDS = METRICS_ALERT_TEXT / 8 };

#define TEXT(constant, text) [constant] = text,

const char *alert_text(enum metrics_alert_kind kind)
{
	static const char *const texts[] = { METRICS_ALERTS(TEXT) };

	return kind < METRICS_N_ALERTS ? texts[kind] : "?";
}

void alert_add(struct metrics *metrics, enum metrics_alert_kind kind, const char *format, ...)
{
	uint64_t words[WORDS] = { 0 };
	char text[METRICS_ALERT_TEXT];
	struct metrics_slot *slot;
	uint64_t number, turn;
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	memcpy(words, text, strlen(text));
	metrics_add(&metrics->alerts[kind], 1);
	number = atomic_fetch_add(&metrics->next_alert, 1);
	slot = &metrics->slots[number % METRICS_ALERTS_KEPT];
	turn = atomic_load(&slot->turn);
	if (turn % 2 != 0 || !atomic_compare_exchange_strong(&slot->turn, &turn, turn + 1))
		return;
	atomic_store(&slot->when, clock_wall_us());
	atomic_store(&slot->kind, kind);
	for (unsigned i = 0; i < WORDS; i++)
		atomic_store(&slot->text[i], words[i]);
	atomic_store(&slot->turn, turn + 2);
}

/* False: there is nothing in it, or somebody writes. */
static bool read_slot(const struct metrics_slot *slot, struct alert *ret_alert)
{
	uint64_t turn = atomic_load(&slot->turn);
	uint64_t words[WORDS];

	if (turn == 0 || turn % 2 != 0)
		return false;
	ret_alert->when = atomic_load(&slot->when);
	ret_alert->kind = (enum metrics_alert_kind)atomic_load(&slot->kind);
	for (unsigned i = 0; i < WORDS; i++)
		words[i] = atomic_load(&slot->text[i]);
	memcpy(ret_alert->text, words, sizeof(words));
	ret_alert->text[sizeof(words) - 1] = '\0';
	return atomic_load(&slot->turn) == turn;
}

unsigned alert_list(const struct metrics *metrics, struct alert alerts[METRICS_ALERTS_KEPT])
{
	uint64_t end = metrics_get(&metrics->next_alert);
	unsigned n = 0;

	for (unsigned i = 1; i <= METRICS_ALERTS_KEPT && i <= end; i++)
		n += read_slot(&metrics->slots[(end - i) % METRICS_ALERTS_KEPT], &alerts[n]);
	return n;
}
