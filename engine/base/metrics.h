/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_METRICS_H
#define POSTERN_BASE_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What is counted: a file beside the status page (base/status.h), mapped by the processes that
 * count and by those that show it. Counters only grow, and outlive the engine: one that is started
 * again goes on with them, and so do the two of an upgrade, together. They begin anew with
 * posternd.
 *
 * Each worker has a block of its own, so that no two processors want the same cache line. All adds
 * are relaxed: a reader sees each number whole, not all of them at one moment.
 */

enum {
	METRICS_MAGIC = 0x706f6d33, /* "pom3": changes with the layout */

	/* Room for the lists of policy/reason.h and learn/entry.h: conn/count.c compares. */
	METRICS_FATES = 4,
	METRICS_REASONS = 64,
	METRICS_ENDS = 32,
	METRICS_CLASSES = 8,
	METRICS_STATES = 4,

	/* Bucket i is of what took at most METRICS_BUCKET_MIN << i us, one more of the rest. */
	METRICS_BUCKET_MIN = 64,
	METRICS_BUCKETS = 22, /* to 134 s */

	METRICS_ALERTS_KEPT = 64,
	METRICS_ALERT_TEXT = 232,
};

/* What a connection spends its time with, a histogram each. */
#define METRICS_TIMES(X)                                                                           \
	X(METRICS_HELLO) /* awaiting the client's hello */                                         \
	X(METRICS_WAIT)  /* for another connection, which asks the same server */                  \
	X(METRICS_DIAL)  /* connecting to the server */                                            \
	X(METRICS_PROBE) /* handshake with the server */                                           \
	X(METRICS_HEAR)  /* what the server says to an empty certificate */                        \
	X(METRICS_FORGE) /* awaiting the leaf */                                                   \
	X(METRICS_GREET) /* handshake with the client */                                           \
	X(METRICS_REDIAL)                                                                          \
	X(METRICS_SETUP_INTERCEPT) /* from accept until bytes flow */                              \
	X(METRICS_SETUP_PASS)                                                                      \
	X(METRICS_CERTGEN) /* a question to certgen, until its answer */

/* Single counters of a worker. */
#define METRICS_COUNTS(X)                                                                          \
	X(METRICS_ACCEPTED)                                                                        \
	X(METRICS_CERTGEN_OK)                                                                      \
	X(METRICS_CERTGEN_REFUSED)                                                                 \
	X(METRICS_CERTGEN_FAILED)                                                                  \
	X(METRICS_CERTGEN_LOST)  /* no answer: certgen went away */                                \
	X(METRICS_LEAF_CACHED)   /* leaves that were there already */                              \
	X(METRICS_GREETED_EARLY) /* clients, while their server answered */                        \
	X(METRICS_KERNEL_TLS)    /* ways of connections that it carries from then on */            \
	X(METRICS_CPU)           /* us of processor time of the thread */

/* Alerts: the events of this type (doc/events.md), and what happens to the door. */
#define METRICS_ALERTS(X)                                                                          \
	X(METRICS_ALERT_IMPOSTOR, "impostor")                                                      \
	X(METRICS_ALERT_PINNED, "pinned")                                                          \
	X(METRICS_ALERT_CLASS_CHANGED, "class_changed")                                            \
	X(METRICS_ALERT_KEY_CHANGED, "key_changed")                                                \
	X(METRICS_ALERT_CLIENT_LIMIT, "client_limit")                                              \
	X(METRICS_ALERT_NO_ROOM, "no_room")                                                        \
	X(METRICS_ALERT_DOOR_OPEN, "door_open")                                                    \
	X(METRICS_ALERT_DOOR_CLOSED, "door_closed")

#define METRICS_CONSTANT(constant, ...) constant,
enum metrics_time { METRICS_TIMES(METRICS_CONSTANT) METRICS_N_TIMES };
enum metrics_which { METRICS_COUNTS(METRICS_CONSTANT) METRICS_N_COUNTS };
enum metrics_alert_kind { METRICS_ALERTS(METRICS_CONSTANT) METRICS_N_ALERTS };
#undef METRICS_CONSTANT

enum metrics_leg { METRICS_UPSTREAM, METRICS_DOWNSTREAM, METRICS_N_LEGS };

typedef _Atomic uint64_t metrics_count;

struct metrics_histogram {
	metrics_count buckets[METRICS_BUCKETS + 1]; /* not cumulative */
	metrics_count sum;                          /* us */
};

/* Nothing but counters: they are added up as an array. */
struct metrics_block {
	metrics_count connections[METRICS_FATES][METRICS_REASONS]; /* that have ended */
	metrics_count ends[METRICS_ENDS];
	metrics_count bytes[METRICS_FATES][2]; /* to the server, to the client; while they flow */
	metrics_count handshakes[METRICS_N_LEGS][2][2]; /* [TLS 1.3][resumed] */
	metrics_count counts[METRICS_N_COUNTS];
	struct metrics_histogram times[METRICS_N_TIMES];
};

struct metrics_worker {
	struct metrics_block block;
	_Atomic uint32_t n_open; /* connections now; the engine that accepts says it */
} __attribute__((aligned(64)));

/* A text of METRICS_ALERT_TEXT bytes, as words that may be read while they are written. */
struct metrics_slot {
	metrics_count turn; /* odd while it is written; 0: never was */
	metrics_count when, kind;
	metrics_count text[METRICS_ALERT_TEXT / 8];
};

struct metrics {
	uint32_t magic;
	uint32_t n_workers;
	uint64_t words;   /* of the vocabulary that the indices come from */
	uint64_t started; /* us since 1970, since when it counts */
	/* The engine's own, as of its last look, twice a second. */
	metrics_count learned[METRICS_CLASSES][METRICS_STATES];
	metrics_count is_stored;   /* whether the store of learned servers works */
	metrics_count events_lost; /* since the engine started */
	/* Of all processes. */
	metrics_count alerts[METRICS_N_ALERTS];
	metrics_count next_alert;
	struct metrics_slot slots[METRICS_ALERTS_KEPT];
	struct metrics_worker workers[];
};

/*
 * Makes the file `path`.metrics, or with `goes_on` takes the one that is there, if it is of the
 * same layout, vocabulary and number of workers. `words`: the vocabulary as text. 0 or -errno.
 */
int metrics_create(const char *path, const char *words, unsigned n_workers, bool goes_on,
		   struct metrics **ret_metrics);
/* To read it; -EPROTO: another version's. */
int metrics_open(const char *path, const char *words, const struct metrics **ret_metrics);
void metrics_close(const struct metrics *metrics);
static inline void metrics_add(metrics_count *count, uint64_t n)
{
	atomic_fetch_add_explicit(count, n, memory_order_relaxed);
}

static inline uint64_t metrics_get(const metrics_count *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

void metrics_time(struct metrics_block *block, enum metrics_time what, uint64_t us);
/* Of all workers together. */
void metrics_sum(const struct metrics *metrics, struct metrics_block *ret_sum);

#endif
