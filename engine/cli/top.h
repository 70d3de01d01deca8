/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_TOP_H
#define POSTERN_CLI_TOP_H

#include "base/metrics.h"
#include "base/status.h"
#include "web/history.h"
#include "web/roster.h"
#include "web/text.h"

/* What one frame of `postern top` is made from. */
struct top {
	const struct status *status;
	const struct metrics *metrics;
	const struct history *history; /* of samples a second apart */
	const struct roster *hosts;    /* NULL: the store is not ours to read */
	uint64_t now;                  /* ms, clock_us() */
};

/* Lines of plain text in UTF-8; nothing that a terminal would obey. */
void top_frame(struct text *text, const struct top *top);

#endif
