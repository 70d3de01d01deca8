/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_REVIEW_H
#define POSTERN_CONN_REVIEW_H

#include <stdatomic.h>

#include "conn/conn.h"

/*
 * After a reload with `on_reload: end`, a worker's connections are judged anew, by the new rules
 * and some in each turn of its loop: what they block ends, and so does what a rule passed and none
 * passes now. One whose hello has not come yet goes over to the new settings.
 *
 * The same happens when the operator has forbidden a server: what was passed to it for its request
 * ends, with any `on_reload`.
 */
struct review {
	atomic_bool is_due;
	struct settings *settings; /* counted; NULL: the rules have not changed */
	unsigned n_forbids;        /* learned_forbids(), of which all connections are judged */
	struct conn *next;         /* NULL: none goes on */
	unsigned n_ended, n_forbidden;
};

void review_deinit(struct review *review);

/* Any thread: there are new settings. */
void review_ask(struct worker *worker);
/* The worker was woken. */
void review_begin(struct worker *worker);
bool review_goes_on(const struct review *review);
/* In each turn, outside of a batch of events: it ends connections. */
void review_some(struct worker *worker);
/* The connection leaves the worker's list. */
void review_skip(struct review *review, const struct conn *conn);

/*
 * For life.c: the state to go to; the connection's own: it goes on. `settings`: NULL when its rules
 * are the same.
 */
enum conn_state review_judge(struct conn *conn, struct settings *settings);

#endif
