/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_DESCRIBE_H
#define POSTERN_CONN_DESCRIBE_H

#include "conn/conn.h"
#include "tap/line.h"

/*
 * Parts of events, under the names that Suricata's EVE has for them where it has one: doc/events.md
 * and doc/events.schema.json say what they mean.
 */

/* Addresses, ports and the number of the connection. */
void describe_ends(struct line *line, const struct conn *conn);

/* What the client said: members of "tls". */
void describe_hello(struct line *line, struct conn *conn);

/* Members of "tls", or of an object of its own. */
void describe_certificate(struct line *line, const struct certificate *certificate);

/* One of the two sessions: members of "upstream" or "downstream". */
void describe_session(struct line *line, const struct session *session);

/* "rule": the one that decided, if one did. */
void describe_rule(struct line *line, const struct verdict *verdict);

/* "flow": when, how much, how it ended. */
void describe_flow(struct line *line, const struct conn *conn);

/* "ms": what the time went to. */
void describe_durations(struct line *line, const struct conn *conn);

/* An entry of what was learned, as an object of that name. */
void describe_entry(struct line *line, const char *key, const struct entry *entry);

/* As EVE writes a version: "TLS 1.3"; NULL: none that there is. */
const char *describe_version(uint16_t version);

#endif
