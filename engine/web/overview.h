/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_WEB_OVERVIEW_H
#define POSTERN_WEB_OVERVIEW_H

#include "base/metrics.h"
#include "base/status.h"
#include "web/history.h"
#include "web/text.h"

/* What the box does now: the part of the page that is asked for again and again. */

struct overview {
	const struct status *status;
	const struct metrics *metrics;
	const struct history *history;
	uint64_t now; /* ms, clock_us() */
};

/* 0 or -ENOMEM. */
int overview_write(struct text *text, const struct overview *overview);

#endif
