/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_STATUS_H
#define POSTERN_BASE_STATUS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What the processes of posternd say about themselves: one page of memory that all of them share, a
 * file in /run that `postern status` maps too. So it can be read when any of them hangs or is dead,
 * and nobody has to answer. Each field has one writer, named below; a reader sees each field whole,
 * not all of them at one moment.
 *
 * Beats are CLOCK_MONOTONIC in ms, moments are us since 1970, 0 is never.
 */

enum {
	STATUS_MAGIC = 0x706f7334, /* "pos4": changes with the layout */
	STATUS_WORKERS = 128,
	STATUS_BEAT_MS = 500,   /* a worker that can accept says so at least this often */
	STATUS_STALE_MS = 1500, /* a beat older than this is none */
	STATUS_PATIENCE_MS =
		15000 /* the same of the supervisor's, which may have to wait for others */
};

/* What holds for new connections. */
#define STATUS_DOORS(X)                                                                            \
	X(STATUS_DOOR_UNKNOWN, "starting") /* not decided yet, the rules' own state holds */       \
	X(STATUS_DOOR_ARMED, "armed")      /* each new connection is judged */                     \
	X(STATUS_DOOR_OPEN, "open")        /* not judged: forwarded untouched */                   \
	X(STATUS_DOOR_CLOSED, "closed")    /* not judged: dropped */

/* Why it is not armed. */
#define STATUS_WHYS(X)                                                                             \
	X(STATUS_WHY_NONE, "")                                                                     \
	X(STATUS_WHY_STARTING, "the engine is not ready yet")                                      \
	X(STATUS_WHY_ENGINE, "the engine is gone")                                                 \
	X(STATUS_WHY_WORKER, "a worker does not answer or cannot accept")                          \
	X(STATUS_WHY_QUEUE, "the kernel's queue cannot be had")                                    \
	X(STATUS_WHY_RULES, "the rules are not loaded")                                            \
	X(STATUS_WHY_STOPPED, "posternd was stopped")

#define STATUS_CONSTANT(constant, text) constant,
enum status_door { STATUS_DOORS(STATUS_CONSTANT) STATUS_N_DOORS };
enum status_why { STATUS_WHYS(STATUS_CONSTANT) STATUS_N_WHYS };
#undef STATUS_CONSTANT

const char *status_door_text(enum status_door door);
const char *status_why_text(enum status_why why);

typedef _Atomic uint64_t status_count;
typedef _Atomic uint32_t status_word;

struct status {
	uint32_t magic;
	uint32_t size; /* of this structure */

	/* The supervisor's. A pid is 0 while there is no such process. */
	status_word supervisor, engine, certgen, gate, web;
	status_count supervisor_beat;
	status_count started;       /* moment */
	status_count engine_starts; /* 1 after the first */
	status_count gate_starts;
	status_word draining; /* engines of older versions that still carry connections */

	/* The engine's. */
	status_word n_workers; /* 0: not ready */
	status_word n_connections;
	status_count n_flows; /* since it started */
	/* What is recorded of decrypted traffic: see tap/recorder.h. */
	status_word has_capture_files, has_capture_listener, has_key_log;
	status_word capture_clients;
	status_count capture_packets, capture_dropped, capture_lost;
	status_word kernel_tls;  /* 0: not wanted; or 1 + enum kernel_tls: what the kernel can do */
	status_count unrecorded; /* forged leaves given out but not recorded, since it started */
	status_count reloads, reload_failures; /* of the one that accepts; ever */
	status_count turned; /* a beat: every worker's loop turned since, able to accept or not */
	/*
	 * Each worker's own: its last turn, but only of turns that found it able to accept; 0 when
	 * it has stopped accepting for good.
	 */
	status_count beat[STATUS_WORKERS];

	/* The gate's. */
	status_count gate_beat;
	status_count gate_reloads, gate_reload_failures; /* ever */
	status_word door;                                /* enum status_door */
	status_word why;                                 /* enum status_why */
	status_count door_since;                         /* moment */
	status_word mode;                           /* 0 open, 1 closed: what on_failure asks for */
	status_word has_iptables, has_nftables;     /* sets found */
	status_word forwards_first;                 /* operator's FORWARD rules are asked */
	status_word quic;                           /* 0 reject, 1 allow, 2 by host */
	status_count judged_pass, judged_intercept; /* by the queue */
	status_count quic_pass, quic_reject;        /* by the queue */
	status_count unjudged; /* new connections that nobody judged, since the rules were loaded */
	/* The last time that it was not armed. */
	status_count failed_from, failed_until; /* moments; until 0: it still is */
	status_word failed_why;
	status_count failed_unjudged; /* connections */
};

/*
 * Makes the file anew and maps it; what an older one said of failures and unjudged connections is
 * taken over. 0 or -errno.
 */
int status_create(const char *path, struct status **ret_status);
/* Maps the file to read it; -EPROTO: another version's. */
int status_open(const char *path, const struct status **ret_status);
void status_close(const struct status *status);

/* Whether each worker's beat is fresh at `now` (ms). */
bool status_is_alive(const struct status *status, uint64_t now);

/* Whether the process is there; 0 is none. */
bool status_is_running(uint32_t pid);

/*
 * What holds for new connections at `now` (ms). The page says what the gate last knew; one that is
 * dead or hangs raises no flag any more, and then what the owner chose for failures holds.
 */
enum status_door status_door_now(const struct status *status, uint64_t now, const char **ret_why);

#endif
