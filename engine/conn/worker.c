/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The loop. A turn takes one batch of events apart (every way this thread wakes up is in the one
 * switch), runs the connections that had work left, then those whose deadline has come, and last
 * frees what closed: so no event of the batch can meet a freed connection.
 */
#include "conn/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/tproxy.h"

enum {
	BATCH = 256,
	ACCEPTS = 64, /* of one listener in one turn */
};

#define owner_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static int spare_open(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int watch_all(struct worker *worker)
{
	int r = loop_watch_level(&worker->loop, &worker->wake);

	for (unsigned i = 0; i < 2 && r == 0; i++)
		if (worker->listeners[i].fd >= 0)
			r = loop_watch_level(&worker->loop, &worker->listeners[i]);
	if (r == 0)
		r = loop_watch_level(&worker->loop, &worker->forge.sock);
	return r;
}

int worker_init(struct worker *worker, struct engine *engine, const int listeners[2], int certgen)
{
	int r;

	memset(worker, 0, sizeof(*worker));
	worker->engine = engine;
	for (unsigned i = 0; i < 2; i++)
		worker->listeners[i] = (struct sock){ .fd = listeners[i], .kind = SOCK_LISTENER };
	atomic_init(&worker->new_certgen, -1);
	forge_init(&worker->forge, engine->leaf_keys);
	worker->forge.sock.kind = SOCK_CERTGEN;
	worker->spare = spare_open();
	worker->wake =
		(struct sock){ .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .kind = SOCK_WAKE };
	r = loop_init(&worker->loop);
	if (r == 0)
		r = forge_connect(&worker->forge, certgen);
	if (r == 0 && (worker->wake.fd < 0 || worker->spare < 0))
		r = -EMFILE;
	if (r == 0)
		r = watch_all(worker);
	worker->random = tls_random_new();
	if (r == 0 && !worker->random)
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
	if (worker->spare >= 0)
		close(worker->spare);
	forge_deinit(&worker->forge);
	pipe_pool_deinit(&worker->pipes);
	relay_pool_deinit(&worker->buffers);
	tls_random_free(worker->random);
	loop_deinit(&worker->loop);
}

/* --- accepting --- */

/* Out of descriptors: the spare one lets the connection be taken and refused, not left hanging. */
static void refuse_one(struct worker *worker, int listener)
{
	int fd;

	if (!worker->is_short)
		log_warning("out of descriptors: connections are being refused");
	worker->is_short = true;
	if (worker->spare >= 0)
		close(worker->spare);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		struct sock sock = { .fd = fd };

		sock_reset(&sock);
	}
	worker->spare = spare_open();
}

static void accept_some(struct worker *worker, struct sock *listener)
{
	for (unsigned i = 0; i < ACCEPTS; i++) {
		union addr client, server;
		int fd = tproxy_accept(listener->fd, &client, &server);

		if (fd == -EMFILE || fd == -ENFILE) {
			refuse_one(worker, listener->fd);
			return;
		}
		if (fd == -EAGAIN)
			return;
		if (fd < 0)
			continue; /* it went away again: ECONNABORTED and the like */
		worker->is_short = false;
		if (conn_new(worker, fd, &client, &server) < 0)
			log_warning("out of memory: a connection was refused");
	}
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
	case SOCK_WAKE:
		if (read(sock->fd, &count, sizeof(count)) < 0)
			break;
		adopt_certgen(worker);
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

static void turn(struct worker *worker, struct epoll_event *events)
{
	int n = loop_wait(&worker->loop, events, BATCH, worker->ready ? 0 : -1);

	for (int i = 0; i < n; i++)
		dispatch(worker, loop_event_sock(&events[i]));
	run_ready(worker);
	run_expired(worker);
	free_dead(worker);
}

static void *worker_main(void *argument)
{
	struct worker *worker = argument;
	struct epoll_event events[BATCH];

	while (!atomic_load(&worker->engine->is_stopping))
		turn(worker, events);
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

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&worker->thread, NULL, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}
