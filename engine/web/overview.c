/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/overview.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alerts.h"
#include "learn/entry.h"
#include "policy/reason.h"
#include "web/frame.h"
#include "web/plot.h"

#define WORD(constant, word, ...) word,
#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

enum {
	REASONS_SHOWN = 8,
	ALERTS_SHOWN = 12,
};

static const char *const fates[] = { FATES(WORD) };

/* --- plots --- */

static void clear(struct plot *plot, const char *title, enum plot_unit unit)
{
	plot->title = title;
	plot->unit = unit;
	plot->n = plot->n_series = 0;
}

static void draw_fates(struct text *text, struct plot *plot, const struct history *history)
{
	const struct sample *from, *to;

	clear(plot, "Connections", PLOT_PER_SECOND);
	for (plot->n_series = 0; plot->n_series < N_OF(fates); plot->n_series++)
		plot->names[plot->n_series] = fates[plot->n_series];
	for (; plot->n < PLOT_N && history_span(history, plot->n, &from, &to); plot->n++)
		for (unsigned fate = 0; fate < N_OF(fates); fate++)
			plot->values[fate][plot->n] = sample_connections(from, to, fate);
	plot_draw(text, plot);
}

static void draw_bytes(struct text *text, struct plot *plot, const struct history *history)
{
	const struct sample *from, *to;

	clear(plot, "Bytes", PLOT_BYTES);
	plot->n_series = 2;
	plot->names[0] = "to the clients";
	plot->names[1] = "to the servers";
	for (; plot->n < PLOT_N && history_span(history, plot->n, &from, &to); plot->n++) {
		plot->values[0][plot->n] = sample_bytes(from, to, 1);
		plot->values[1][plot->n] = sample_bytes(from, to, 0);
	}
	plot_draw(text, plot);
}

static void draw_setup(struct text *text, struct plot *plot, const struct history *history)
{
	const struct sample *from, *to;

	clear(plot, "From accept until bytes flow", PLOT_SECONDS);
	plot->n_series = 3;
	plot->names[0] = "intercepted, median";
	plot->names[1] = "passed, median";
	plot->names[2] = "intercepted, 99 %";
	for (; plot->n < PLOT_N && history_span(history, plot->n, &from, &to); plot->n++) {
		plot->values[0][plot->n] = sample_quantile(from, to, METRICS_SETUP_INTERCEPT, 0.5);
		plot->values[1][plot->n] = sample_quantile(from, to, METRICS_SETUP_PASS, 0.5);
		plot->values[2][plot->n] = sample_quantile(from, to, METRICS_SETUP_INTERCEPT, 0.99);
	}
	plot_draw(text, plot);
}

static void draw_load(struct text *text, struct plot *plot, const struct history *history)
{
	const struct sample *from, *to;

	clear(plot, "Processors taken by the workers", PLOT_PERCENT);
	plot->n_series = 1;
	plot->names[0] = "all workers";
	for (; plot->n < PLOT_N && history_span(history, plot->n, &from, &to); plot->n++)
		plot->values[0][plot->n] = sample_cpu(from, to);
	plot_draw(text, plot);
}

/* --- figures --- */

static void tile(struct text *text, const char *name, const char *value, const char *aside)
{
	text_add(text,
		 "<div class=\"tile\"><dt>%s</dt><dd>%s</dd><dd class=\"aside\">%s</dd></div>\n",
		 name, value, aside);
}

static uint64_t count_asked(const struct metrics *metrics)
{
	uint64_t n = 0;

	for (unsigned class = 0; class < LEARN_N_CLASSES; class ++)
		for (unsigned state = 0; state < LEARN_N_STATES; state++)
			n += class == LEARN_NOTHING ? 0
						    : metrics_get(&metrics->learned[class][state]);
	return n;
}

static uint64_t count_pending(const struct metrics *metrics)
{
	uint64_t n = 0;

	for (unsigned class = 0; class < LEARN_N_CLASSES; class ++)
		n += metrics_get(&metrics->learned[class][LEARN_PENDING]);
	return n;
}

static void write_tiles(struct text *text, const struct overview *o)
{
	const struct sample *from = NULL, *to = NULL;
	char value[PLOT_NUMBER] = "–", aside[64] = "";
	double rate = 0;

	text_put(text, "<dl class=\"tiles\">\n");
	snprintf(value, sizeof(value), "%u", (unsigned)o->status->n_connections);
	snprintf(aside, sizeof(aside), "%" PRIu64 " since the engine started",
		 (uint64_t)o->status->n_flows);
	tile(text, "Connections now", value, aside);
	if (history_span(o->history, 0, &from, &to))
		for (unsigned fate = 0; fate < N_OF(fates); fate++)
			rate += sample_connections(from, to, fate);
	snprintf(aside, sizeof(aside), "%" PRIu64 " not judged", (uint64_t)o->status->unjudged);
	tile(text, "Rate", plot_number(PLOT_PER_SECOND, rate, value), aside);
	snprintf(value, sizeof(value), "%" PRIu64, count_asked(o->metrics));
	snprintf(aside, sizeof(aside), "%" PRIu64 " await approval", count_pending(o->metrics));
	tile(text, "Hosts that ask for certificates", value, aside);
	tile(text, "certgen, median",
	     plot_number(PLOT_SECONDS, from ? sample_quantile(from, to, METRICS_CERTGEN, 0.5) : NAN,
			 value),
	     o->status->certgen ? "running" : "not running");
	snprintf(value, sizeof(value), "%u", (unsigned)o->status->n_workers);
	snprintf(aside, sizeof(aside), "%u older engines drain", (unsigned)o->status->draining);
	tile(text, "Workers", value, o->status->draining ? aside : "");
	text_put(text, "</dl>\n");
}

struct row {
	unsigned fate, reason;
	uint64_t n;
};

static int by_number(const void *a, const void *b)
{
	uint64_t m = ((const struct row *)a)->n, n = ((const struct row *)b)->n;

	return m < n ? 1 : m > n ? -1 : 0;
}

static void write_reasons(struct text *text, const struct metrics_block *sum)
{
	static const char *const reasons[] = { REASONS(WORD) };
	struct row rows[N_OF(fates) * N_OF(reasons)];
	unsigned n = 0;

	for (unsigned f = 0; f < N_OF(fates); f++)
		for (unsigned r = 0; r < N_OF(reasons); r++)
			rows[n++] = (struct row){ f, r, metrics_get(&sum->connections[f][r]) };
	qsort(rows, n, sizeof(*rows), by_number);
	text_put(text, "<section><h2>Fates and reasons</h2><table><thead><tr><th>fate<th>reason"
		       "<th class=\"n\">connections</thead><tbody>\n");
	for (unsigned i = 0; i < REASONS_SHOWN && rows[i].n > 0; i++)
		text_add(text, "<tr><td><i class=\"s%u\"></i>%s<td>%s<td class=\"n\">%" PRIu64 "\n",
			 rows[i].fate, fates[rows[i].fate], reasons[rows[i].reason], rows[i].n);
	if (rows[0].n == 0)
		text_put(text, "<tr><td colspan=\"3\" class=\"aside\">none has ended yet\n");
	text_put(text, "</tbody></table></section>\n");
}

static void write_learned(struct text *text, const struct metrics *metrics)
{
	static const char *const classes[] = { LEARN_CLASSES(WORD) };
	static const char *const states[] = { LEARN_STATES(WORD) };

	text_put(text, "<section><h2>Learned hosts</h2><table><thead><tr><th>class");
	for (unsigned s = 0; s < N_OF(states); s++)
		text_add(text, "<th class=\"n\">%s", states[s]);
	text_put(text, "</thead><tbody>\n");
	for (unsigned c = 0; c < N_OF(classes); c++) {
		text_add(text, "<tr><td>%s", classes[c]);
		for (unsigned s = 0; s < N_OF(states); s++)
			text_add(text, "<td class=\"n\">%" PRIu64,
				 metrics_get(&metrics->learned[c][s]));
		text_put(text, "\n");
	}
	text_put(text, "</tbody></table></section>\n");
}

static void write_workers(struct text *text, const struct overview *o)
{
	const struct sample *to = history_back(o->history, 0);

	text_put(text,
		 "<section><h2>Workers</h2><table><thead><tr><th>worker"
		 "<th class=\"n\">connections<th class=\"n\">accepted<th class=\"n\">processor"
		 "<th class=\"n\">last beat</thead><tbody>\n");
	for (unsigned i = 0; to && i < o->metrics->n_workers; i++) {
		const struct metrics_worker *worker = &o->metrics->workers[i];
		uint64_t beat = i < o->status->n_workers ? o->status->beat[i] : 0;

		text_add(text,
			 "<tr><td>%u<td class=\"n\">%u<td class=\"n\">%" PRIu64
			 "<td class=\"n\">%.1f s<td class=\"n\">",
			 i, (unsigned)worker->n_open,
			 metrics_get(&worker->block.counts[METRICS_ACCEPTED]),
			 (double)metrics_get(&worker->block.counts[METRICS_CPU]) / 1e6);
		text_beat(text, beat, o->now);
		text_put(text, "\n");
	}
	text_put(text, "</tbody></table></section>\n");
}

static void write_alerts(struct text *text, const struct metrics *metrics)
{
	struct alert alerts[METRICS_ALERTS_KEPT];
	unsigned n = alert_list(metrics, alerts);

	text_put(text, "<section><h2>Last alerts</h2><table class=\"alerts\"><tbody>\n");
	for (unsigned i = 0; i < n && i < ALERTS_SHOWN; i++) {
		text_put(text, "<tr><td>");
		text_moment(text, alerts[i].when);
		text_add(text, "<td>%s<td>", alert_text(alerts[i].kind));
		text_html(text, alerts[i].text);
		text_put(text, "\n");
	}
	if (n == 0)
		text_put(text, "<tr><td class=\"aside\">none since posternd was started\n");
	text_put(text, "</tbody></table></section>\n");
}

int overview_write(struct text *text, const struct overview *o)
{
	struct plot *plot = malloc(sizeof(*plot));
	struct metrics_block sum;

	if (!plot)
		return -ENOMEM;
	metrics_sum(o->metrics, &sum);
	frame_door(text, o->status, o->now);
	write_tiles(text, o);
	text_put(text, "<div class=\"plots\">\n");
	draw_fates(text, plot, o->history);
	draw_bytes(text, plot, o->history);
	draw_setup(text, plot, o->history);
	draw_load(text, plot, o->history);
	free(plot);
	text_put(text, "</div>\n<div class=\"tables\">\n");
	write_alerts(text, o->metrics);
	write_reasons(text, &sum);
	write_learned(text, o->metrics);
	write_workers(text, o);
	text_put(text, "</div>\n");
	return text->has_failed ? -ENOMEM : 0;
}
