/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_ALERTS_H
#define POSTERN_BASE_ALERTS_H

#include "base/metrics.h"

/* The last alerts, in the memory that all processes share: for people; the log has them all. */

struct alert {
	uint64_t when; /* us since 1970 */
	enum metrics_alert_kind kind;
	char text[METRICS_ALERT_TEXT];
};

const char *alert_text(enum metrics_alert_kind kind);

/*
 * Counts it and keeps its text, cut to its room. Any thread of any process; waits for nobody: two
 * that meet in one slot keep one of the texts.
 */
void alert_add(struct metrics *metrics, enum metrics_alert_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The newest first; returns how many. */
unsigned alert_list(const struct metrics *metrics, struct alert alerts[METRICS_ALERTS_KEPT]);

#endif
