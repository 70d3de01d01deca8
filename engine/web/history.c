/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/history.h"

#include <math.h>
#include <stddef.h>

enum { SMOOTH = 5 }; /* steps that a figure is the mean of */

void history_add(struct history *history, const struct metrics *metrics, uint64_t now)
{
	struct sample *sample = &history->samples[history->next];

	sample->when = now;
	metrics_sum(metrics, &sample->sum);
	history->next = (history->next + 1) % HISTORY_N;
	if (history->n < HISTORY_N)
		history->n++;
}

const struct sample *history_back(const struct history *history, unsigned steps)
{
	if (steps >= history->n)
		return NULL;
	return &history->samples[(history->next + HISTORY_N - 1 - steps) % HISTORY_N];
}

bool history_span(const struct history *history, unsigned back, const struct sample **ret_from,
		  const struct sample **ret_to)
{
	*ret_to = history_back(history, back);
	*ret_from = NULL;
	for (unsigned steps = SMOOTH; *ret_to && !*ret_from && steps > 0; steps--)
		*ret_from = history_back(history, back + steps);
	return *ret_from != NULL;
}

double sample_rate(const struct sample *from, const struct sample *to, uint64_t before,
		   uint64_t after)
{
	if (to->when <= from->when || after < before)
		return 0;
	return (double)(after - before) * 1e6 / (double)(to->when - from->when);
}

uint64_t block_connections(const struct metrics_block *block, unsigned fate)
{
	uint64_t sum = 0;

	for (unsigned reason = 0; reason < METRICS_REASONS; reason++)
		sum += metrics_get(&block->connections[fate][reason]);
	return sum;
}

double sample_connections(const struct sample *from, const struct sample *to, unsigned fate)
{
	return sample_rate(from, to, block_connections(&from->sum, fate),
			   block_connections(&to->sum, fate));
}

double sample_bytes(const struct sample *from, const struct sample *to, unsigned way)
{
	uint64_t before = 0, after = 0;

	for (unsigned fate = 0; fate < METRICS_FATES; fate++) {
		before += metrics_get(&from->sum.bytes[fate][way]);
		after += metrics_get(&to->sum.bytes[fate][way]);
	}
	return sample_rate(from, to, before, after);
}

double sample_cpu(const struct sample *from, const struct sample *to)
{
	return sample_rate(from, to, metrics_get(&from->sum.counts[METRICS_CPU]),
			   metrics_get(&to->sum.counts[METRICS_CPU])) /
	       1e6;
}

uint64_t block_times(const struct metrics_block *block, enum metrics_time what)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= METRICS_BUCKETS; i++)
		sum += metrics_get(&block->times[what].buckets[i]);
	return sum;
}

/* Seconds; of the last bucket it is not known. */
static double bound(unsigned bucket)
{
	return (double)((uint64_t)METRICS_BUCKET_MIN << bucket) / 1e6;
}

double sample_quantile(const struct sample *from, const struct sample *to, enum metrics_time what,
		       double share)
{
	const metrics_count *before = from->sum.times[what].buckets;
	const metrics_count *after = to->sum.times[what].buckets;
	double all = 0, seen = 0;

	for (unsigned i = 0; i <= METRICS_BUCKETS; i++)
		all += (double)(metrics_get(&after[i]) - metrics_get(&before[i]));
	if (all <= 0)
		return NAN;
	for (unsigned i = 0; i < METRICS_BUCKETS; i++) {
		double n = (double)(metrics_get(&after[i]) - metrics_get(&before[i]));
		double low = i > 0 ? bound(i - 1) : 0;

		if (n > 0 && seen + n >= share * all)
			return low + (bound(i) - low) * (share * all - seen) / n;
		seen += n;
	}
	return bound(METRICS_BUCKETS - 1);
}
