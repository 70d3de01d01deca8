/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_WEB_SERVER_H
#define POSTERN_WEB_SERVER_H

#include <pthread.h>

#include "policy/config.h"
#include "web/history.h"

/*
 * Answers HTTP (libmicrohttpd), each connection in a thread of its own: who waits for the store of
 * learned servers keeps nobody else waiting. How many there are at once, how large a request is and
 * how long it may take are bounded.
 */
struct server;

struct site {
	const struct config *config;
	const struct status *status;
	const struct metrics *metrics;
	int queues;           /* descriptor of QUEUES_FILE; -1: none */
	bool is_unix;         /* the listener */
	pthread_mutex_t lock; /* of the history */
	struct history history;
};

/* `listener` is taken over, also on failure; `site` is borrowed. 0 or -errno. */
int server_start(struct site *site, int listener, struct server **ret_server);
void server_stop(struct server *server);

#endif
