/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_WEB_HISTORY_H
#define POSTERN_WEB_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/metrics.h"

/* All numbers of the last ten minutes, one sample every two seconds; and what two of them tell. */

enum { HISTORY_N = 300, HISTORY_STEP_MS = 2000 };

struct sample {
	uint64_t when; /* us, clock_us() */
	struct metrics_block sum;
};

struct history {
	unsigned n, next;
	struct sample samples[HISTORY_N];
};

void history_add(struct history *history, const struct metrics *metrics, uint64_t now);
/* 0 is the newest; NULL: there are not so many. */
const struct sample *history_back(const struct history *history, unsigned steps);

/*
 * What lies between the sample of `back` steps ago and one some steps before it, which smooths.
 * False: there is no older one.
 */
bool history_span(const struct history *history, unsigned back, const struct sample **ret_from,
		  const struct sample **ret_to);

/* Per second, between two samples; 0 when time did not go on. */
double sample_rate(const struct sample *from, const struct sample *to, uint64_t before,
		   uint64_t after);
/* Connections of this fate that ended, bytes of all fates. */
double sample_connections(const struct sample *from, const struct sample *to, unsigned fate);
double sample_bytes(const struct sample *from, const struct sample *to, unsigned way);
double sample_cpu(const struct sample *from, const struct sample *to);
/*
 * Seconds below which this share of what happened between the samples lies, by straight lines
 * between the bounds of the buckets. NAN: nothing happened.
 */
double sample_quantile(const struct sample *from, const struct sample *to, enum metrics_time what,
		       double share);

/* All connections of a fate. */
uint64_t block_connections(const struct metrics_block *block, unsigned fate);
/* How many a histogram has. */
uint64_t block_times(const struct metrics_block *block, enum metrics_time what);

#endif
