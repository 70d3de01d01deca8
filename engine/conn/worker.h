/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_WORKER_H
#define POSTERN_CONN_WORKER_H

#include <stdatomic.h>

#include "base/loop.h"
#include "conn/conn.h"
#include "conn/engine.h"
#include "conn/fetch.h"
#include "conn/forge.h"
#include "conn/icap.h"
#include "conn/issuers.h"
#include "conn/overload.h"
#include "conn/relay.h"
#include "conn/review.h"
#include "conn/revocation.h"
#include "net/splice.h"
#include "tap/line.h"

/*
 * One thread with a loop of its own: its listeners, its connections, its line to certgen. What
 * workers share is in struct engine.
 */
enum { WORKER_FATES = FATE_BLOCK + 1 };

struct worker {
	struct engine *engine;
	pthread_t thread;
	struct loop loop;
	struct sock listeners[2]; /* IPv4, IPv6; SOCK_NONE where there is none */
	struct sock wake;         /* eventfd: look at the next, and at what the engine wants */
	atomic_int new_certgen;   /* descriptor of a new line to certgen, or -1 */
	struct metrics_worker *metrics;
	atomic_uint n_conns;  /* its connections; others read */
	uint64_t cpu_counted; /* us, of its thread; count_engine()'s own */
	struct forge forge;
	struct fetch_line fetch;
	struct revocation revocation;
	struct icap icap;
	struct issuers issuers;
	struct tls_thread *tls;
	struct tls_listener listener; /* to its secrets */
	struct judge *judge;
	struct resumptions *resumptions;
	struct familiars *familiars;
	struct pipe_pool pipes;
	struct relay_pool buffers;
	struct conn *conns;
	struct review review;  /* of those, after a reload */
	struct conn *waiting;  /* for another, or for an authority */
	atomic_bool has_woken; /* some of those may go on */
	struct conn *ready;    /* singly linked, to be run in the next turn */
	struct conn *dead;     /* to be freed after the batch */
	unsigned index;        /* of its beat in the status page */
	bool is_short;         /* of descriptors or memory: new connections wait in the backlog */
	uint64_t short_said;   /* ms, when that was last said */
	uint64_t retry;        /* ms, when to try again */
	struct overload overload;
	atomic_bool has_left;                   /* its listeners, because the engine drains */
	atomic_uint_fast64_t turned;            /* ms, its last turn */
	struct line line;                       /* the event that is being written */
	_Atomic uint64_t n_ended[WORKER_FATES]; /* connections, by fate; any thread reads */
	uint8_t scratch[HELLO_MAX];
};

/* What the sockets of a loop are for. */
enum sock_kind {
	SOCK_LISTENER,
	SOCK_CLIENT,
	SOCK_SERVER,
	SOCK_CERTGEN,
	SOCK_FETCHER,
	SOCK_ICAP,
	SOCK_WAKE
};

/*
 * Prepares the worker with the number `index`; `listeners` (two descriptors or -1), `certgen`
 * and `fetcher` are taken over. 0 or -errno.
 */
int worker_init(struct worker *worker, struct engine *engine, unsigned index,
		const int listeners[2], int certgen, int fetcher);
void worker_deinit(struct worker *worker);

/*
 * Starts the thread, which runs until engine->is_stopping is set and it is woken. With
 * engine->is_draining it lets go of its listeners, and says so in has_left.
 */
int worker_start(struct worker *worker);
/* Any thread: makes the worker look around. */
void worker_wake(struct worker *worker);
/* Any thread: hands over a new line to certgen. */
void worker_set_certgen(struct worker *worker, int fd);

/* Any thread: the connections that wait are to look again. */
void worker_wake_waiting(struct worker *worker);
/* Until its state changes: it is one of those. */
void worker_set_waiting(struct conn *conn, bool is_waiting);

/* Runs the connection in the next turn of its worker's loop. */
void worker_ready(struct conn *conn);

#endif
