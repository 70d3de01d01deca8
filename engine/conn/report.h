/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_REPORT_H
#define POSTERN_CONN_REPORT_H

#include "learn/learn.h"

struct conn;

/* Notes what is known of the server's leg, before it is dropped. */
void report_upstream(struct conn *conn);

/* Writes the connection's one line; doc/events.md describes it. */
void report_connection(struct conn *conn);

/* Writes an event if somebody may want to hear of it. `before` is set for changes. */
void report_learned(const struct conn *conn, enum learned_note note, const struct entry *entry,
		    const struct entry *before);

#endif
