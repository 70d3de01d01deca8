/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/conn.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "conn/count.h"
#include "conn/exchanges.h"
#include "conn/forge.h"
#include "conn/inspect.h"
#include "conn/learning.h"
#include "conn/report.h"
#include "conn/watch.h"
#include "conn/worker.h"
#include "tls/familiars.h"

static void list_add(struct worker *worker, struct conn *conn)
{
	conn->next = worker->conns;
	if (conn->next)
		conn->next->prev = conn;
	worker->conns = conn;
	atomic_fetch_add_explicit(&worker->n_conns, 1, memory_order_relaxed);
}

static void list_remove(struct worker *worker, struct conn *conn)
{
	review_skip(&worker->review, conn);
	if (conn->prev)
		conn->prev->next = conn->next;
	else
		worker->conns = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	conn->prev = NULL;
	atomic_fetch_sub_explicit(&worker->n_conns, 1, memory_order_relaxed);
}

/* Ends a connection that must not even begin. */
static void turn_away(struct conn *conn, enum reason reason, enum end end)
{
	conn->has_fate = true;
	conn->fate = FATE_BLOCK;
	conn->reason = reason;
	conn->end = end;
	conn->state = CONN_CLOSED;
	conn_close(conn);
}

/* Whoever connects to the listener itself would be dialled back to the listener, for ever. */
static bool is_diverted(const struct conn *conn)
{
	const struct config *config = config_of(conn);
	uint16_t port = addr_port(&conn->server_addr);

	return port != addr_port(&config->listen.ipv4) && port != addr_port(&config->listen.ipv6);
}

static struct conn *conn_make(struct worker *worker, const union addr *client,
			      const union addr *server)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->worker = worker;
	conn->settings = engine_settings(worker->engine);
	conn->client = conn->server = SOCK_NONE;
	conn->client_addr = *client;
	conn->server_addr = *server;
	conn->flow_id = atomic_fetch_add(&worker->engine->n_flows, 1);
	conn->started_wall = clock_wall_us();
	conn->started = conn->entered = clock_us();
	list_add(worker, conn);
	return conn;
}

int conn_new(struct worker *worker, int fd, const union addr *client, const union addr *server)
{
	struct engine *engine = worker->engine;
	struct conn *conn = conn_make(worker, client, server);
	struct sock sock = { .fd = fd, .kind = SOCK_CLIENT };

	if (!conn) {
		sock_reset(&sock);
		return -ENOMEM;
	}
	conn->client = sock;
	metrics_add(&worker->metrics->block.counts[METRICS_ACCEPTED], 1);
	if (!is_diverted(conn)) {
		turn_away(conn, REASON_NOT_DIVERTED, END_REFUSED);
	} else if (atomic_fetch_add(&engine->n_connections, 1) >=
			   config_of(conn)->max_connections ||
		   loop_watch(&worker->loop, &conn->client) < 0) {
		conn->is_counted = true;
		turn_away(conn, REASON_NO_RESOURCES, END_NO_RESOURCES);
	} else {
		conn->is_counted = true;
		conn_set_deadline(conn, config_of(conn)->timeouts.silent);
	}
	return 0;
}

int conn_new_own(const struct conn *model)
{
	struct hello *hello = malloc(sizeof(*hello));
	struct conn *conn =
		hello ? conn_make(model->worker, &model->client_addr, &model->server_addr) : NULL;

	if (!conn) {
		free(hello);
		return -ENOMEM;
	}
	*hello = *model->hello;
	conn->hello = hello;
	conn->is_own = conn->is_tls = conn->is_counted = true;
	atomic_fetch_add(&conn->worker->engine->n_connections, 1);
	conn->state = CONN_DIALLING;
	conn_set_deadline(conn, config_of(conn)->timeouts.dial);
	worker_ready(conn);
	return 0;
}

/* A reset on one side is passed on as one; all else ends with a FIN. */
static void close_sockets(struct conn *conn)
{
	if (conn->end == END_CLIENT_RESET)
		sock_reset(&conn->server);
	if (conn->end == END_SERVER_RESET || conn->end == END_SERVER_REFUSED ||
	    conn->end == END_NO_RESOURCES)
		sock_reset(&conn->client);
	sock_close(&conn->server);
	sock_close(&conn->client);
}

void conn_close(struct conn *conn)
{
	struct worker *worker = conn->worker;

	learning_end(conn);
	exchanges_end(conn);
	inspect_end(conn);
	if (!conn->is_own) {
		count_connection(conn);
		report_connection(conn);
	}
	timer_clear(&worker->loop.wheel, &conn->deadline);
	session_free(conn->downstream); /* before the leaf that it uses */
	session_free(conn->upstream);
	if (conn->forged) {
		forged_unwait(conn->forged, conn);
		forged_unref(conn->forged);
	}
	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++) {
		relay_deinit(&conn->relay[way], &worker->buffers);
		splice_deinit(&conn->splice[way], &worker->pipes);
	}
	watch_free(conn->watch);
	familiar_unref(conn->familiar);
	judgement_unref(conn->judgement);
	conn->judgement = NULL;
	close_sockets(conn);
	if (conn->is_counted)
		atomic_fetch_sub(&worker->engine->n_connections, 1);
	list_remove(worker, conn);
	conn->next = worker->dead;
	worker->dead = conn;
}

void conn_free(struct conn *conn)
{
	settings_unref(conn->settings);
	report_upstream_anew(conn);
	free(conn->hello);
	free(conn->packed_hello);
	free(conn);
}
