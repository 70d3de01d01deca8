/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_COUNT_H
#define POSTERN_CONN_COUNT_H

#include "conn/conn.h"
#include "learn/pinned.h"

/*
 * The numbers of base/metrics.h, as far as connections make them: into the block of the
 * connection's worker. A few adds at each change of its state, and two for each batch of bytes.
 */

/* It leaves its state after `us`, for `next`. */
void count_step(struct conn *conn, enum conn_state next, uint64_t us);
/* Its client is greeted while its server answers. */
void count_greeted_early(struct conn *conn);
/* Bytes that flowed since the last call. */
void count_traffic(struct conn *conn);
/* The kernel carries one way of it from now on. */
void count_shortcut(struct conn *conn);
/* Its end. */
void count_connection(struct conn *conn);

/* Alerts, as report.h has them. */
void count_learned(const struct conn *conn, enum learned_note note, const struct entry *entry);
void count_impostor(const struct conn *conn);
void count_pinned(const struct conn *conn, const struct pinned_count *count);

/* Any time, one thread: what is learned, and the time that the workers' threads took. */
void count_engine(struct engine *engine, struct worker *workers, unsigned n);

#endif
