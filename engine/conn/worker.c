/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The loop. A turn takes one batch of events apart (every way this thread wakes up is in the one
 * switch), runs the connections that had work left, then those whose deadline has come, and last
 * frees what closed: so no event of the batch can meet a freed connection.
 */
#include "conn/worker.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/log.h"
#include "net/tproxy.h"
#include "tap/keylog.h"
#include "tap/recorder.h"
#include "tls/familiars.h"

enum {
	BATCH = 256,
	ACCEPTS = 64, /* of one listener in one turn */
	SAY_AGAIN_MS = 10000,
};

#define owner_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static int watch_all(struct worker *worker)
{
	int r = loop_watch_level(&worker->loop, &worker->wake);

	for (unsigned i = 0; i < 2 && r == 0; i++)
		if (worker->listeners[i].fd >= 0)
			r = loop_watch_level(&worker->loop, &worker->listeners[i]);
	if (r == 0)
		r = loop_watch_level(&worker->loop, &worker->forge.sock);
	if (r == 0)
		r = loop_watch_level(&worker->loop, &worker->fetch.sock);
	return r;
}

/* Of both legs of whatever this thread does, as long as the owner wants them. */
static void log_secret(void *context, const char *label, const uint8_t client_random[32],
		       const uint8_t *secret, size_t n)
{
	struct recorder *recorder = context;
	char line[KEYLOG_LINE_MAX];

	if (!recorder_wants_keys(recorder))
		return;
	recorder_put_keys(recorder, line, keylog_line(label, client_random, secret, n, line));
	explicit_bzero(line, sizeof(line));
}

int worker_init(struct worker *worker, struct engine *engine, unsigned index,
		const int listeners[2], int certgen, int fetcher)
{
	int r;

	memset(worker, 0, sizeof(*worker));
	worker->engine = engine;
	worker->index = index;
	worker->metrics = &engine->metrics->workers[index];
	atomic_init(&worker->has_left, false);
	atomic_init(&worker->turned, 0);
	for (unsigned i = 0; i < 2; i++)
		worker->listeners[i] = (struct sock){ .fd = listeners[i], .kind = SOCK_LISTENER };
	atomic_init(&worker->new_certgen, -1);
	forge_init(&worker->forge, engine->leaf_keys, &worker->metrics->block);
	worker->forge.sock.kind = SOCK_CERTGEN;
	fetch_line_init(&worker->fetch, fetcher);
	worker->fetch.sock.kind = SOCK_FETCHER;
	worker->wake =
		(struct sock){ .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .kind = SOCK_WAKE };
	r = loop_init(&worker->loop);
	if (r == 0)
		r = forge_connect(&worker->forge, certgen);
	if (r == 0 && worker->wake.fd < 0)
		r = -EMFILE;
	if (r == 0)
		r = watch_all(worker);
	worker->tls = tls_thread_new();
	worker->judge = judge_new();
	worker->resumptions = resumptions_new();
	worker->familiars = familiars_new();
	worker->listener = (struct tls_listener){ log_secret, engine->recorder };
	if (worker->tls)
		tls_thread_set_listener(worker->tls, &worker->listener);
	if (r == 0 &&
	    (!worker->tls || !worker->judge || !worker->resumptions || !worker->familiars))
		r = -EIO;
	return r;
}

void worker_deinit(struct worker *worker)
{
	int certgen = atomic_exchange(&worker->new_certgen, -1);

	if (certgen >= 0)
		close(certgen);
	for (unsigned i = 0; i < 2; i++)
		sock_close(&worker->listeners[i]);
	sock_close(&worker->wake);
	forge_deinit(&worker->forge);
	review_deinit(&worker->review);
	revocation_deinit(&worker->revocation);
	icap_deinit(&worker->icap);
	issuers_deinit(&worker->issuers);
	fetch_line_deinit(&worker->fetch);
	pipe_pool_deinit(&worker->pipes);
	line_deinit(&worker->line);
	relay_pool_deinit(&worker->buffers);
	familiars_free(worker->familiars);
	resumptions_free(worker->resumptions);
	judge_free(worker->judge);
	tls_thread_free(worker->tls);
	loop_deinit(&worker->loop);
}

/* --- accepting --- */

static const char no_resources[] = "out of descriptors or memory";

/*
 * Nothing is accepted that could not be served, or not be told: it waits in the backlog. As there
 * are no beats meanwhile, the gate soon opens or closes the door to those who come next, as the
 * owner chose.
 */
static void accept_pause(struct worker *worker, const char *why)
{
	uint64_t now = worker->loop.now;

	if (worker->short_said == 0 || now - worker->short_said > SAY_AGAIN_MS) {
		log_warning("%s: new connections have to wait", why);
		worker->short_said = now;
	}
	for (unsigned i = 0; i < 2; i++)
		if (worker->listeners[i].fd >= 0)
			loop_unwatch(&worker->loop, &worker->listeners[i]);
	worker->is_short = true;
	worker->retry = now + STATUS_BEAT_MS;
}

static bool is_shortage(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS;
}

/* Why no connection can be taken in, with so much room in reserve; or NULL. */
static const char *shortage(struct engine *engine, unsigned reserve)
{
	if (events_are_behind(engine->events))
		return "an output that is to lose no event is behind (on_loss: stop)";
	if (atomic_load(&engine->n_connections) >= engine->room - reserve)
		return no_resources;
	return NULL;
}

static void accept_some(struct worker *worker, struct sock *listener)
{
	struct engine *engine = worker->engine;

	for (unsigned i = 0; i < ACCEPTS && !worker->is_short && listener->fd >= 0; i++) {
		union addr client, server;
		const char *why;
		int fd;

		why = shortage(engine, 0);
		if (why) {
			accept_pause(worker, why);
			return;
		}
		fd = tproxy_accept(listener->fd, &client, &server);
		if (is_shortage(fd))
			accept_pause(worker, no_resources);
		if (fd == -EAGAIN)
			return;
		if (fd < 0)
			continue; /* it went away again: ECONNABORTED and the like */
		if (conn_new(worker, fd, &client, &server) < 0)
			log_warning("out of memory: a connection was refused");
	}
}

/* With some room in reserve, or each connection that ends would have it begin and pause again. */
static void accept_again(struct worker *worker)
{
	struct engine *engine = worker->engine;

	worker->retry = worker->loop.now + STATUS_BEAT_MS;
	if (shortage(engine, engine->room / 16))
		return;
	worker->is_short = false;
	for (unsigned i = 0; i < 2 && !worker->is_short; i++) {
		if (worker->listeners[i].fd < 0)
			continue;
		if (loop_watch_level(&worker->loop, &worker->listeners[i]) < 0)
			accept_pause(worker, no_resources);
		else
			accept_some(worker, &worker->listeners[i]);
	}
}

/* Another engine has the same listeners: what waits in their backlogs is its from now on. */
static void accept_no_more(struct worker *worker)
{
	for (unsigned i = 0; i < 2; i++) {
		if (worker->listeners[i].fd >= 0)
			loop_unwatch(&worker->loop, &worker->listeners[i]);
		sock_close(&worker->listeners[i]);
	}
	worker->is_short = false;
	atomic_store(&worker->engine->status->beat[worker->index], 0);
	atomic_store(&worker->has_left, true);
}

/* --- certgen --- */

static void adopt_certgen(struct worker *worker)
{
	int fd = atomic_exchange(&worker->new_certgen, -1);
	int r;

	if (fd < 0)
		return;
	r = forge_connect(&worker->forge, fd);
	worker->forge.sock.kind = SOCK_CERTGEN;
	if (r == 0)
		r = loop_watch_level(&worker->loop, &worker->forge.sock);
	if (r < 0)
		log_error("certgen cannot be reached: %s", strerror(-r));
}

void worker_set_certgen(struct worker *worker, int fd)
{
	int old = atomic_exchange(&worker->new_certgen, fd);

	if (old >= 0)
		close(old);
	worker_wake(worker);
}

void worker_wake(struct worker *worker)
{
	uint64_t one = 1;

	if (write(worker->wake.fd, &one, sizeof(one)) < 0)
		return; /* its counter is full: the worker is awake */
}

/* --- waiting for others --- */

void worker_wake_waiting(struct worker *worker)
{
	if (!atomic_exchange(&worker->has_woken, true))
		worker_wake(worker);
}

void worker_set_waiting(struct conn *conn, bool is_waiting)
{
	struct worker *worker = conn->worker;

	if (conn->is_in_waiting == is_waiting)
		return;
	conn->is_in_waiting = is_waiting;
	if (is_waiting)
		DL_APPEND2(worker->waiting, conn, prev_waiting, next_waiting_turn);
	else
		DL_DELETE2(worker->waiting, conn, prev_waiting, next_waiting_turn);
}

static void run_waiting(struct worker *worker)
{
	struct conn *conn, *next;

	if (!atomic_exchange(&worker->has_woken, false))
		return;
	DL_FOREACH_SAFE2(worker->waiting, conn, next, next_waiting_turn)
	worker_ready(conn);
}

/* --- the loop --- */

void worker_ready(struct conn *conn)
{
	struct worker *worker = conn->worker;

	if (conn->is_ready)
		return;
	conn->is_ready = true;
	conn->next_ready = worker->ready;
	worker->ready = conn;
}

static void dispatch(struct worker *worker, struct sock *sock)
{
	uint64_t count;

	switch ((enum sock_kind)sock->kind) {
	case SOCK_LISTENER:
		accept_some(worker, sock);
		break;
	case SOCK_CLIENT:
		conn_run(owner_of(sock, struct conn, client));
		break;
	case SOCK_SERVER:
		conn_run(owner_of(sock, struct conn, server));
		break;
	case SOCK_CERTGEN:
		forge_receive(&worker->forge);
		break;
	case SOCK_FETCHER:
		fetch_receive(worker);
		break;
	case SOCK_ICAP:
		icap_run(worker, sock);
		break;
	case SOCK_WAKE:
		if (read(sock->fd, &count, sizeof(count)) < 0)
			break;
		adopt_certgen(worker);
		run_waiting(worker);
		review_begin(worker);
		if (atomic_load(&worker->engine->is_draining) && !atomic_load(&worker->has_left))
			accept_no_more(worker);
		break;
	}
}

static void run_ready(struct worker *worker)
{
	struct conn *conn = worker->ready, *next;

	worker->ready = NULL; /* what becomes ready now has its turn in the next round */
	for (; conn; conn = next) {
		next = conn->next_ready;
		conn->is_ready = false;
		conn_run(conn);
	}
}

static void run_expired(struct worker *worker)
{
	struct timer *timer;

	while ((timer = wheel_pop(&worker->loop.wheel, worker->loop.now)))
		conn_expire(owner_of(timer, struct conn, deadline));
}

static void free_dead(struct worker *worker)
{
	struct conn *conn = worker->dead, *next;

	worker->dead = NULL;
	for (; conn; conn = next) {
		next = conn->next;
		if (conn->is_ready) { /* the list of the next turn still names it */
			conn->next = worker->dead;
			worker->dead = conn;
		} else {
			conn_free(conn);
		}
	}
}

/* The word to the gate and to the supervisor that this thread is well. */
static void beat(struct worker *worker)
{
	uint64_t now = worker->loop.now;

	if (now == atomic_load_explicit(&worker->turned, memory_order_relaxed))
		return;
	atomic_store_explicit(&worker->turned, now, memory_order_relaxed);
	if (!worker->is_short && !atomic_load_explicit(&worker->has_left, memory_order_relaxed))
		atomic_store_explicit(&worker->engine->status->beat[worker->index], now,
				      memory_order_relaxed);
}

static void turn(struct worker *worker, struct epoll_event *events)
{
	bool has_work = worker->ready || review_goes_on(&worker->review);
	int n = loop_wait(&worker->loop, events, BATCH, has_work ? 0 : STATUS_BEAT_MS);

	for (int i = 0; i < n; i++)
		dispatch(worker, loop_event_sock(&events[i]));
	run_ready(worker);
	run_expired(worker);
	review_some(worker);
	icap_turn(worker);
	if (worker->is_short && (worker->dead || worker->loop.now >= worker->retry))
		accept_again(worker);
	free_dead(worker);
	beat(worker);
}

static void *worker_main(void *argument)
{
	struct worker *worker = argument;
	struct epoll_event events[BATCH];

	while (!atomic_load(&worker->engine->is_stopping))
		turn(worker, events);
	atomic_store(&worker->engine->status->beat[worker->index], 0);
	while (worker->conns)
		conn_stop(worker->conns);
	run_ready(worker);
	free_dead(worker);
	return NULL;
}

int worker_start(struct worker *worker)
{
	sigset_t all, old;
	int r;

	beat(worker); /* the first, before anybody asks for it */
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&worker->thread, NULL, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}
