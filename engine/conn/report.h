/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_REPORT_H
#define POSTERN_CONN_REPORT_H

#include "learn/learn.h"
#include "learn/pinned.h"

struct conn;
struct sighting;

/* Notes what is known of the server's leg, before it is dropped. */
void report_upstream(struct conn *conn);

/* Forgets that: another handshake with the server follows. */
void report_upstream_anew(struct conn *conn);

/* Notes what was seen of a passed handshake. */
void report_answer(struct conn *conn, const struct sighting *sighting);

/* Writes the connection's one line; doc/events.md describes it. */
void report_connection(struct conn *conn);

/* Writes an event if somebody may want to hear of it. `before` is set for changes. */
void report_learned(const struct conn *conn, enum learned_note note, const struct entry *entry,
		    const struct entry *before);
/* Alerts: another server answers in the place of the learned one; a client pins this host. */
void report_impostor(const struct conn *conn);
void report_pinned(const struct conn *conn, const struct pinned_count *count);

#endif
