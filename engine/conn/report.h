/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_REPORT_H
#define POSTERN_CONN_REPORT_H

struct conn;

/* Notes what is known of the server's leg, before it is dropped. */
void report_upstream(struct conn *conn);

/* Writes the connection's one line; doc/events.md describes it. */
void report_connection(struct conn *conn);

#endif
