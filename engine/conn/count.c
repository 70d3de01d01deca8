/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/count.h"

#include <pthread.h>
#include <time.h>

#include "base/alerts.h"
#include "conn/worker.h"

#define ONE(...) +1

_Static_assert(0 FATES(ONE) == METRICS_FATES, "METRICS_FATES");
_Static_assert(0 REASONS(ONE) <= METRICS_REASONS, "METRICS_REASONS");
_Static_assert(0 ENDS(ONE) <= METRICS_ENDS, "METRICS_ENDS");
_Static_assert((int)LEARN_N_CLASSES <= METRICS_CLASSES, "METRICS_CLASSES");
_Static_assert((int)LEARN_N_STATES <= METRICS_STATES, "METRICS_STATES");

enum { TLS13 = 0x0304 };

static struct metrics_block *block_of(const struct conn *conn)
{
	return &conn->worker->metrics->block;
}

static void count_handshake(struct conn *conn, enum metrics_leg leg, const struct session *session)
{
	struct session_facts facts;

	if (!session)
		return;
	facts = session_facts(session);
	metrics_add(&block_of(conn)->handshakes[leg][facts.version == TLS13][facts.is_resumed], 1);
}

/* From accept until now. */
static void count_setup(struct conn *conn, enum metrics_time what)
{
	if (!conn->is_own)
		metrics_time(block_of(conn), what, conn->entered - conn->started);
}

void count_step(struct conn *conn, enum conn_state next, uint64_t us)
{
	static const struct {
		bool is_counted;
		enum metrics_time time;
	} states[N_CONN_STATES] = {
		[CONN_PEEKING] = { true, METRICS_HELLO },
		[CONN_WAITING] = { true, METRICS_WAIT },
		[CONN_DIALLING] = { true, METRICS_DIAL },
		[CONN_PROBING] = { true, METRICS_PROBE },
		[CONN_HEARING] = { true, METRICS_HEAR },
		[CONN_FORGING] = { true, METRICS_FORGE },
		[CONN_GREETING] = { true, METRICS_GREET },
		[CONN_PASSING] = { true, METRICS_REDIAL },
	};

	if (states[conn->state].is_counted)
		metrics_time(block_of(conn), states[conn->state].time, us);
	if (next == CONN_FORGING)
		count_handshake(conn, METRICS_UPSTREAM, conn->upstream);
	if (next == CONN_RELAYING)
		count_handshake(conn, METRICS_DOWNSTREAM, conn->downstream);
	if (next == CONN_RELAYING)
		count_setup(conn, METRICS_SETUP_INTERCEPT);
	if (next == CONN_SPLICING)
		count_setup(conn, METRICS_SETUP_PASS);
}

void count_greeted_early(struct conn *conn)
{
	metrics_add(&block_of(conn)->counts[METRICS_GREETED_EARLY], 1);
}

void count_traffic(struct conn *conn)
{
	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++) {
		uint64_t bytes = conn->relay[way].bytes + conn->splice[way].bytes;

		if (bytes != conn->counted[way])
			metrics_add(&block_of(conn)->bytes[conn->fate][way],
				    bytes - conn->counted[way]);
		conn->counted[way] = bytes;
	}
}

void count_shortcut(struct conn *conn)
{
	metrics_add(&block_of(conn)->counts[METRICS_KERNEL_TLS], 1);
}

void count_connection(struct conn *conn)
{
	struct metrics_block *block = block_of(conn);

	count_traffic(conn);
	metrics_add(&block->connections[conn->fate][conn->reason], 1);
	metrics_add(&block->ends[conn->end], 1);
}

/* --- alerts --- */

static struct metrics *metrics_of(const struct conn *conn)
{
	return conn->worker->engine->metrics;
}

void count_learned(const struct conn *conn, enum learned_note note, const struct entry *entry)
{
	static const struct {
		bool is_alert;
		enum metrics_alert_kind kind;
	} notes[] = {
		[LEARNED_CLASS_CHANGED] = { true, METRICS_ALERT_CLASS_CHANGED },
		[LEARNED_KEY_CHANGED] = { true, METRICS_ALERT_KEY_CHANGED },
		[LEARNED_LIMITED] = { true, METRICS_ALERT_CLIENT_LIMIT },
		[LEARNED_FULL] = { true, METRICS_ALERT_NO_ROOM },
	};
	char client[ADDR_TEXT_MAX], server[ADDR_TEXT_MAX];

	if (note > LEARNED_FULL || !notes[note].is_alert)
		return;
	alert_add(metrics_of(conn), notes[note].kind, "%.120s at %s, %s; client %s", entry->host,
		  addr_text(&conn->server_addr, server), learn_class_text(entry->class),
		  addr_text(&conn->client_addr, client));
}

void count_impostor(const struct conn *conn)
{
	char client[ADDR_TEXT_MAX], server[ADDR_TEXT_MAX];

	alert_add(metrics_of(conn), METRICS_ALERT_IMPOSTOR, "%.120s at %s; client %s",
		  conn->hello->host, addr_text(&conn->server_addr, server),
		  addr_text(&conn->client_addr, client));
}

void count_pinned(const struct conn *conn, const struct pinned_count *count)
{
	char client[ADDR_TEXT_MAX];

	alert_add(metrics_of(conn), METRICS_ALERT_PINNED,
		  "%.120s: refused %u times by %u clients, the last %s", conn->hello->host,
		  count->refusals, count->clients, addr_text(&conn->client_addr, client));
}

/* --- the engine --- */

/* Summed up: an event that two outputs missed is two. */
static uint64_t lost_events(struct engine *engine)
{
	struct events_count counts[OUTPUTS_MAX];
	unsigned n = events_count(engine->events, counts, OUTPUTS_MAX);
	uint64_t lost = events_unmade(engine->events);

	for (unsigned i = 0; i < n; i++)
		lost += counts[i].lost;
	return lost;
}

static void count_learned_entries(struct engine *engine)
{
	struct learned_census census;

	learned_take_census(engine->learned, &census);
	for (unsigned c = 0; c < LEARN_N_CLASSES; c++)
		for (unsigned s = 0; s < LEARN_N_STATES; s++)
			engine->metrics->learned[c][s] = census.n[c][s];
	engine->metrics->is_stored = learned_is_stored(engine->learned);
	engine->metrics->events_lost = lost_events(engine);
}

void count_engine(struct engine *engine, struct worker *workers, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct worker *worker = &workers[i];
		struct timespec time;
		clockid_t clock;
		uint64_t us;

		if (pthread_getcpuclockid(worker->thread, &clock) != 0 ||
		    clock_gettime(clock, &time) < 0)
			continue;
		us = (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
		metrics_add(&worker->metrics->block.counts[METRICS_CPU], us - worker->cpu_counted);
		worker->cpu_counted = us;
	}
	/* Of two engines, the one that accepts has the say. */
	if (atomic_load(&engine->is_draining))
		return;
	for (unsigned i = 0; i < n; i++)
		workers[i].metrics->n_open = atomic_load(&workers[i].n_conns);
	count_learned_entries(engine);
}
