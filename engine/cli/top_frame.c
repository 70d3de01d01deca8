/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/alerts.h"
#include "base/clock.h"
#include "cli/top.h"
#include "learn/entry.h"
#include "policy/reason.h"
#include "web/health.h"
#include "web/plot.h"

#define WORD(constant, word, ...) word,
#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

enum {
	MINUTE = 60,  /* samples that are drawn */
	ALERTS = 5,   /* lines */
	WORKERS = 16, /* lines */
	HOSTS = 5,
};

static const char *const fates[] = { FATES(WORD) };

static void put_moment(struct text *text, uint64_t us)
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm parts;
	char moment[32];

	strftime(moment, sizeof(moment), "%Y-%m-%d %H:%M:%S", localtime_r(&seconds, &parts));
	text_put(text, moment);
}

static void put_head(struct text *text, const struct top *top)
{
	char machine[256] = "", health[HEALTH_WHY_MAX];
	const char *why;
	enum status_door door = status_door_now(top->status, top->now, &why);

	(void)gethostname(machine, sizeof(machine) - 1);
	text_put(text, "postern on ");
	text_plain(text, machine);
	text_put(text, ", ");
	put_moment(text, clock_wall_us());
	text_add(text, "\ndoor         %s%s%s, since ", status_door_text(door), *why ? ": " : "",
		 why);
	put_moment(text, top->status->door_since);
	text_add(text, "; in a failure: %s\n", top->status->mode ? "closed" : "open");
	text_add(text, "health       %s\n",
		 health_is_alive(top->status, top->now, health) ? "ok" : health);
}

/* The last minute, a sign for each second; all fates have the same scale. */
static void put_line(struct text *text, const struct history *history, unsigned fate, double most)
{
	static const char signs[] = "▁▂▃▄▅▆▇█"; /* three bytes each */

	for (unsigned i = MINUTE; i-- > 0;) {
		const struct sample *from = history_back(history, i + 1),
				    *to = history_back(history, i);
		double rate = from ? sample_connections(from, to, fate) : 0;

		if (most > 0 && rate > 0)
			text_add(text, "%.3s", &signs[3 * (unsigned)fmin(7, 7 * rate / most)]);
		else
			text_put(text, " ");
	}
}

static double greatest(const struct history *history)
{
	double most = 0;

	for (unsigned i = 0; i < MINUTE && history_back(history, i + 1); i++)
		for (unsigned fate = 0; fate < N_OF(fates); fate++)
			most = fmax(most, sample_connections(history_back(history, i + 1),
							     history_back(history, i), fate));
	return most;
}

static void put_fates(struct text *text, const struct top *top)
{
	const struct sample *from, *to;
	bool has_rates = history_span(top->history, 0, &from, &to);
	double most = greatest(top->history);
	char rate[PLOT_NUMBER];

	text_add(text, "connections  %u now, %" PRIu64 " accepted, %" PRIu64 " not judged\n\n",
		 (unsigned)top->status->n_connections,
		 metrics_get(&to->sum.counts[METRICS_ACCEPTED]), (uint64_t)top->status->unjudged);
	text_add(text, "%-12s %8s %12s  last minute\n", "fate", "now", "all");
	for (unsigned fate = 0; fate < N_OF(fates); fate++) {
		text_add(text, "%-12s %8s %12" PRIu64 "  ", fates[fate],
			 plot_number(PLOT_PER_SECOND,
				     has_rates ? sample_connections(from, to, fate) : 0, rate),
			 block_connections(&to->sum, fate));
		put_line(text, top->history, fate, most);
		text_put(text, "\n");
	}
}

/* Columns: median and 99 % of what was between the samples. */
static void put_quantiles(struct text *text, const struct sample *from, const struct sample *to,
			  enum metrics_time time)
{
	char a[PLOT_NUMBER], b[PLOT_NUMBER];

	text_add(text, " %8s %8s",
		 plot_number(PLOT_SECONDS, sample_quantile(from, to, time, 0.5), a),
		 plot_number(PLOT_SECONDS, sample_quantile(from, to, time, 0.99), b));
}

static void put_times(struct text *text, const struct top *top)
{
	static const struct sample beginning;
	static const struct {
		const char *name;
		enum metrics_time time;
	} rows[] = { { "intercepted", METRICS_SETUP_INTERCEPT },
		     { "passed", METRICS_SETUP_PASS },
		     { "certgen", METRICS_CERTGEN } };
	const struct sample *to = history_back(top->history, 0), *from = to;
	char a[PLOT_NUMBER], b[PLOT_NUMBER];

	for (unsigned i = 1; i <= MINUTE && history_back(top->history, i); i++)
		from = history_back(top->history, i);
	text_put(text, "\n                   last minute           from the start\n"
		       "time           median     99 %      median     99 %\n");
	for (unsigned i = 0; i < N_OF(rows); i++) {
		text_add(text, "%-12s", rows[i].name);
		put_quantiles(text, from, to, rows[i].time);
		text_put(text, "   ");
		put_quantiles(text, &beginning, to, rows[i].time);
		text_put(text, "\n");
	}
	text_add(text, "bytes        %s to the clients, %s to the servers\n",
		 plot_number(PLOT_BYTES, sample_bytes(from, to, 1), a),
		 plot_number(PLOT_BYTES, sample_bytes(from, to, 0), b));
}

static void put_workers(struct text *text, const struct top *top)
{
	const struct metrics *metrics = top->metrics;

	text_put(text, "\nworker  connections  accepted  processor  last beat\n");
	for (unsigned i = 0; i < metrics->n_workers && i < WORKERS; i++) {
		const struct metrics_worker *worker = &metrics->workers[i];
		uint64_t beat = top->status->beat[i];

		text_add(text, "%6u  %11u  %8" PRIu64 "  %7.1f s  ", i, (unsigned)worker->n_open,
			 metrics_get(&worker->block.counts[METRICS_ACCEPTED]),
			 (double)metrics_get(&worker->block.counts[METRICS_CPU]) / 1e6);
		text_beat(text, beat, top->now);
		text_put(text, "\n");
	}
	if (metrics->n_workers > WORKERS)
		text_add(text, "   and %u more\n", metrics->n_workers - WORKERS);
}

static void put_alerts(struct text *text, const struct metrics *metrics)
{
	struct alert alerts[METRICS_ALERTS_KEPT];
	unsigned n = alert_list(metrics, alerts);

	text_put(text, "\nlast alerts\n");
	for (unsigned i = 0; i < n && i < ALERTS; i++) {
		text_put(text, "  ");
		put_moment(text, alerts[i].when);
		text_add(text, "  %-14s ", alert_text(alerts[i].kind));
		text_plain(text, alerts[i].text);
		text_put(text, "\n");
	}
	if (n == 0)
		text_put(text, "  none\n");
}

static void put_learned(struct text *text, const struct top *top)
{
	static const char *const classes[] = { LEARN_CLASSES(WORD) };
	uint64_t n_pending = 0;

	text_put(text, "\nlearned      ");
	for (unsigned c = 0; c < N_OF(classes); c++) {
		uint64_t n = 0;

		for (unsigned s = 0; s < LEARN_N_STATES; s++)
			n += metrics_get(&top->metrics->learned[c][s]);
		n_pending += metrics_get(&top->metrics->learned[c][LEARN_PENDING]);
		text_add(text, "%s%s %" PRIu64, c > 0 ? ", " : "", classes[c], n);
	}
	text_add(text, "; %" PRIu64 " await approval\n", n_pending);
	for (unsigned i = 0; top->hosts && i < top->hosts->n && i < HOSTS; i++) {
		const struct entry *entry = &top->hosts->entries[i];

		text_put(text, "  ");
		put_moment(text, entry->last_seen);
		text_add(text, "  %-9s %-9s ", learn_class_text(entry->class),
			 learn_state_text(entry->state));
		text_plain(text, entry->host);
		text_put(text, "\n");
	}
}

void top_frame(struct text *text, const struct top *top)
{
	put_head(text, top);
	put_fates(text, top);
	put_times(text, top);
	put_workers(text, top);
	put_alerts(text, top->metrics);
	put_learned(text, top);
}
