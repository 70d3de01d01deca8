/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_REVIEW_H
#define POSTERN_CONN_REVIEW_H

#include <stdatomic.h>

#include "conn/conn.h"

/*
 * After a reload with `on_reload: end`, a worker's connections are judged anew, by the new rules
 * and some in each turn of its loop: what they block ends, and so does what a rule passed and none
 * passes now. One whose hello has not come yet goes over to the new settings.
 */
struct review {
	atomic_bool is_due;
	struct settings *settings; /* counted; NULL: none goes on */
	struct conn *next;
	unsigned n_ended;
};

void review_deinit(struct review *review);

/* Any thread: there are new settings. */
void review_ask(struct worker *worker);
/* The worker was woken. */
void review_begin(struct worker *worker);
bool review_goes_on(const struct review *review);
/* Outside of a batch of events: it ends connections. */
void review_some(struct worker *worker);
/* The connection leaves the worker's list. */
void review_skip(struct review *review, const struct conn *conn);

/* For life.c: the state to go to; the connection's own: it goes on. */
enum conn_state review_judge(struct conn *conn, struct settings *settings);

#endif
