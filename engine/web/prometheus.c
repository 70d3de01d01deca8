/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/prometheus.h"

#include <inttypes.h>

#include "base/alerts.h"
#include "learn/entry.h"
#include "policy/reason.h"
#include "policy/words.h"
#include "web/health.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define WORD(constant, word, ...) word,

struct writing {
	struct text *text;
	const char *name;
	const struct prometheus *numbers;
	const struct status *status;
	const struct metrics *metrics;
	struct metrics_block sum;
};

static void put(struct writing *w, uint64_t value)
{
	text_add(w->text, "%s %" PRIu64 "\n", w->name, value);
}

/* With one label. */
static void put_by(struct writing *w, const char *label, const char *word, uint64_t value)
{
	text_add(w->text, "%s{%s=\"%s\"} %" PRIu64 "\n", w->name, label, word, value);
}

static void put_choice(struct writing *w, const char *label, const char *const *words, size_t n,
		       uint64_t chosen)
{
	for (size_t i = 0; i < n; i++)
		put_by(w, label, words[i], i == chosen);
}

/* `label`: of all lines, 'leg="upstream"'; or "". */
static void put_histogram(struct writing *w, const char *label, enum metrics_time what)
{
	const struct metrics_histogram *histogram = &w->sum.times[what];
	const char *comma = label[0] ? "," : "", *open = label[0] ? "{" : "",
		   *close = label[0] ? "}" : "";
	uint64_t n = 0;

	for (unsigned i = 0; i < METRICS_BUCKETS; i++) {
		n += metrics_get(&histogram->buckets[i]);
		text_add(w->text, "%s_bucket{%s%sle=\"%.6g\"} %" PRIu64 "\n", w->name, label, comma,
			 (double)((uint64_t)METRICS_BUCKET_MIN << i) / 1e6, n);
	}
	n += metrics_get(&histogram->buckets[METRICS_BUCKETS]);
	text_add(w->text, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", w->name, label, comma, n);
	text_add(w->text, "%s_sum%s%s%s %.6f\n", w->name, open, label, close,
		 (double)metrics_get(&histogram->sum) / 1e6);
	text_add(w->text, "%s_count%s%s%s %" PRIu64 "\n", w->name, open, label, close, n);
}

/* --- all of it --- */

static void write_build(struct writing *w)
{
	put_by(w, "version", POSTERN_VERSION, 1);
}

static void write_start(struct writing *w)
{
	text_add(w->text, "%s %.3f\n", w->name, (double)w->metrics->started / 1e6);
}

static void write_alive(struct writing *w)
{
	char why[HEALTH_WHY_MAX];

	put(w, health_is_alive(w->status, w->numbers->now, why));
}

static void write_ready(struct writing *w)
{
	char why[HEALTH_WHY_MAX];

	put(w, health_is_ready(w->status, w->numbers->now, why));
}

/* --- the gate --- */

static void write_door(struct writing *w)
{
	static const char *const words[] = { STATUS_DOORS(WORD) };
	const char *why;

	put_choice(w, "state", words, N_OF(words),
		   status_door_now(w->status, w->numbers->now, &why));
}

static void write_on_failure(struct writing *w)
{
	static const char *const words[] = { ON_FAILURES(WORD) };

	put_choice(w, "mode", words, N_OF(words),
		   w->status->mode ? ON_FAILURE_CLOSED : ON_FAILURE_OPEN);
}

static void write_quic(struct writing *w)
{
	static const char *const words[] = { QUICS(WORD) };

	put_choice(w, "mode", words, N_OF(words), w->status->quic);
}

static void write_rules(struct writing *w)
{
	put_by(w, "backend", "iptables", w->status->has_iptables != 0);
	put_by(w, "backend", "nftables", w->status->has_nftables != 0);
}

static void write_unjudged(struct writing *w)
{
	put(w, w->status->unjudged);
}

static void write_judged(struct writing *w)
{
	const struct {
		const char *protocol, *verdict;
		uint64_t n;
	} rows[] = { { "tcp", "intercept", w->status->judged_intercept },
		     { "tcp", "pass", w->status->judged_pass },
		     { "quic", "reject", w->status->quic_reject },
		     { "quic", "pass", w->status->quic_pass } };

	for (unsigned i = 0; i < N_OF(rows); i++)
		text_add(w->text, "%s{protocol=\"%s\",verdict=\"%s\"} %" PRIu64 "\n", w->name,
			 rows[i].protocol, rows[i].verdict, rows[i].n);
}

static void write_queue_length(struct writing *w)
{
	for (unsigned i = 0; i < w->numbers->queues->n; i++) {
		const struct queue_facts *queue = &w->numbers->queues->at[i];

		text_add(w->text, "%s{queue=\"%u\"} %u\n", w->name, queue->number, queue->length);
	}
}

static void write_queue_dropped(struct writing *w)
{
	for (unsigned i = 0; i < w->numbers->queues->n; i++) {
		const struct queue_facts *queue = &w->numbers->queues->at[i];

		text_add(w->text, "%s{queue=\"%u\",full=\"queue\"} %u\n", w->name, queue->number,
			 queue->queue_dropped);
		text_add(w->text, "%s{queue=\"%u\",full=\"socket\"} %u\n", w->name, queue->number,
			 queue->socket_dropped);
	}
}

/* --- connections --- */

static void write_accepted(struct writing *w)
{
	put(w, metrics_get(&w->sum.counts[METRICS_ACCEPTED]));
}

static void write_open(struct writing *w)
{
	put(w, w->status->n_connections);
}

static void write_connections(struct writing *w)
{
	static const char *const fates[] = { FATES(WORD) };
	static const char *const reasons[] = { REASONS(WORD) };

	for (unsigned f = 0; f < N_OF(fates); f++)
		for (unsigned r = 0; r < N_OF(reasons); r++)
			text_add(w->text, "%s{fate=\"%s\",reason=\"%s\"} %" PRIu64 "\n", w->name,
				 fates[f], reasons[r], metrics_get(&w->sum.connections[f][r]));
}

static void write_ends(struct writing *w)
{
	static const char *const ends[] = { ENDS(WORD) };

	for (unsigned i = 0; i < N_OF(ends); i++)
		put_by(w, "end", ends[i], metrics_get(&w->sum.ends[i]));
}

static void write_bytes(struct writing *w)
{
	static const char *const fates[] = { FATES(WORD) };
	static const char *const ways[] = { "to_server", "to_client" };

	for (unsigned f = 0; f < N_OF(fates); f++)
		for (unsigned i = 0; i < N_OF(ways); i++)
			text_add(w->text, "%s{fate=\"%s\",direction=\"%s\"} %" PRIu64 "\n", w->name,
				 fates[f], ways[i], metrics_get(&w->sum.bytes[f][i]));
}

static void write_kernel_tls(struct writing *w)
{
	put(w, metrics_get(&w->sum.counts[METRICS_KERNEL_TLS]));
}

static void write_handshakes(struct writing *w)
{
	static const char *const legs[] = { "upstream", "downstream" };
	static const char *const versions[] = { "TLSv1.2", "TLSv1.3" };
	static const char *const resumed[] = { "no", "yes" };

	for (unsigned leg = 0; leg < METRICS_N_LEGS; leg++)
		for (unsigned v = 0; v < 2; v++)
			for (unsigned r = 0; r < 2; r++)
				text_add(w->text,
					 "%s{leg=\"%s\",version=\"%s\",resumed=\"%s\"} %" PRIu64
					 "\n",
					 w->name, legs[leg], versions[v], resumed[r],
					 metrics_get(&w->sum.handshakes[leg][v][r]));
}

static void write_handshake(struct writing *w)
{
	put_histogram(w, "leg=\"upstream\"", METRICS_PROBE);
	put_histogram(w, "leg=\"downstream\"", METRICS_GREET);
}

static void write_phase(struct writing *w)
{
	static const struct {
		const char *label;
		enum metrics_time time;
	} phases[] = {
		{ "phase=\"hello\"", METRICS_HELLO }, { "phase=\"wait\"", METRICS_WAIT },
		{ "phase=\"dial\"", METRICS_DIAL },   { "phase=\"hear\"", METRICS_HEAR },
		{ "phase=\"forge\"", METRICS_FORGE }, { "phase=\"redial\"", METRICS_REDIAL },
	};

	for (unsigned i = 0; i < N_OF(phases); i++)
		put_histogram(w, phases[i].label, phases[i].time);
}

static void write_setup(struct writing *w)
{
	put_histogram(w, "fate=\"intercept\"", METRICS_SETUP_INTERCEPT);
	put_histogram(w, "fate=\"pass\"", METRICS_SETUP_PASS);
}

/* --- certgen --- */

static void write_certgen(struct writing *w)
{
	static const struct {
		const char *word;
		enum metrics_which which;
	} results[] = { { "ok", METRICS_CERTGEN_OK },
			{ "refused", METRICS_CERTGEN_REFUSED },
			{ "failed", METRICS_CERTGEN_FAILED },
			{ "lost", METRICS_CERTGEN_LOST } };

	for (unsigned i = 0; i < N_OF(results); i++)
		put_by(w, "result", results[i].word, metrics_get(&w->sum.counts[results[i].which]));
}

static void write_certgen_time(struct writing *w)
{
	put_histogram(w, "", METRICS_CERTGEN);
}

static void write_cached(struct writing *w)
{
	put(w, metrics_get(&w->sum.counts[METRICS_LEAF_CACHED]));
}

static void write_greeted_early(struct writing *w)
{
	put(w, metrics_get(&w->sum.counts[METRICS_GREETED_EARLY]));
}

static void write_unrecorded(struct writing *w)
{
	put(w, w->status->unrecorded);
}

/* --- what is learned, what is said --- */

static void write_learned(struct writing *w)
{
	static const char *const classes[] = { LEARN_CLASSES(WORD) };
	static const char *const states[] = { LEARN_STATES(WORD) };

	for (unsigned c = 0; c < N_OF(classes); c++)
		for (unsigned s = 0; s < N_OF(states); s++)
			text_add(w->text, "%s{class=\"%s\",state=\"%s\"} %" PRIu64 "\n", w->name,
				 classes[c], states[s], metrics_get(&w->metrics->learned[c][s]));
}

static void write_stored(struct writing *w)
{
	put(w, metrics_get(&w->metrics->is_stored));
}

static void write_alerts(struct writing *w)
{
	for (unsigned i = 0; i < METRICS_N_ALERTS; i++)
		put_by(w, "kind", alert_text(i), metrics_get(&w->metrics->alerts[i]));
}

static void write_lost(struct writing *w)
{
	put(w, metrics_get(&w->metrics->events_lost));
}

/* --- workers and processes --- */

static void write_workers(struct writing *w)
{
	put(w, w->status->n_workers);
}

static void write_worker_open(struct writing *w)
{
	for (unsigned i = 0; i < w->metrics->n_workers; i++)
		text_add(w->text, "%s{worker=\"%u\"} %u\n", w->name, i,
			 (unsigned)w->metrics->workers[i].n_open);
}

static void write_worker_accepted(struct writing *w)
{
	for (unsigned i = 0; i < w->metrics->n_workers; i++)
		text_add(w->text, "%s{worker=\"%u\"} %" PRIu64 "\n", w->name, i,
			 metrics_get(&w->metrics->workers[i].block.counts[METRICS_ACCEPTED]));
}

static void write_worker_cpu(struct writing *w)
{
	for (unsigned i = 0; i < w->metrics->n_workers; i++)
		text_add(w->text, "%s{worker=\"%u\"} %.6f\n", w->name, i,
			 (double)metrics_get(&w->metrics->workers[i].block.counts[METRICS_CPU]) /
				 1e6);
}

/* None of one that never was able to, as after its engine's end. */
static void write_worker_age(struct writing *w)
{
	for (unsigned i = 0; i < w->metrics->n_workers; i++) {
		uint64_t beat = w->status->beat[i], now = w->numbers->now;

		if (beat > 0)
			text_add(w->text, "%s{worker=\"%u\"} %.3f\n", w->name, i,
				 now > beat ? (double)(now - beat) / 1000 : 0.0);
	}
}

static void write_starts(struct writing *w)
{
	put_by(w, "process", "engine", w->status->engine_starts);
	put_by(w, "process", "gate", w->status->gate_starts);
}

static void write_draining(struct writing *w)
{
	put(w, w->status->draining);
}

void prometheus_write(struct text *text, const struct prometheus *numbers)
{
#define ROW(word, name, type, meaning) { name, type, meaning, write_##word },
	static const struct {
		const char *name, *type, *meaning;
		void (*write)(struct writing *w);
	} rows[] = { PROMETHEUS_METRICS(ROW) };
#undef ROW
	struct writing w = { .text = text,
			     .numbers = numbers,
			     .status = numbers->status,
			     .metrics = numbers->metrics };

	metrics_sum(numbers->metrics, &w.sum);
	for (unsigned i = 0; i < N_OF(rows); i++) {
		text_add(text, "# HELP %s %s\n# TYPE %s %s\n", rows[i].name, rows[i].meaning,
			 rows[i].name, rows[i].type);
		w.name = rows[i].name;
		rows[i].write(&w);
	}
}

#define LINE(word, name, type, meaning) name "\t" type "\t" meaning "\n"

const char *prometheus_list(void)
{
	return PROMETHEUS_METRICS(LINE);
}
