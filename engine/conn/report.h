/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_REPORT_H
#define POSTERN_CONN_REPORT_H

#include <stdbool.h>

#include "learn/learn.h"
#include "learn/pinned.h"
#include "tls/certificate.h"

struct conn;
struct exchange;
struct sighting;
struct verdict;
struct worker;

/* The events about connections; doc/events.md describes them. What nobody wants is not made. */

enum { REPORT_CHAIN_MAX = 8 }; /* certificates of a chain that are described */

/* Notes what is known of the server's leg, before it is dropped. */
void report_upstream(struct conn *conn);

/* Forgets that: another handshake with the server follows. */
void report_upstream_anew(struct conn *conn);

/* Notes what was seen of a passed handshake. */
void report_answer(struct conn *conn, const struct sighting *sighting);

/* The connection has ended. */
void report_connection(struct conn *conn);

/* Something was learned, if somebody may want to hear of it. `before` is set for changes. */
void report_learned(struct conn *conn, enum learned_note note, const struct entry *entry,
		    const struct entry *before);
/* Alerts: another server answers in the place of the learned one; a client pins this host. */
void report_impostor(struct conn *conn);
void report_pinned(struct conn *conn, const struct pinned_count *count);

/* The chain that the server showed did not verify. */
void report_unverified(struct conn *conn);

/* A forged leaf has come from certgen. */
struct report_issue {
	const char *host;
	const uint8_t *server_digest; /* of the certificate it stands for */
	const char *unrecorded;       /* why certgen could not record it; "": it did */
	bool is_trusted;              /* signed by the CA that clients trust */
	struct der leaf;
};
/* `conn`: one that waited for it; NULL: none does any more. */
void report_issued(struct worker *worker, const struct conn *conn,
		   const struct report_issue *issue);

/* One request and its response; `rule`, if not NULL, refused it. */
void report_exchange(struct conn *conn, const struct exchange *exchange,
		     const struct verdict *rule);
/* Its HTTP cannot be read any further, because of `why`. */
void report_unreadable(struct conn *conn, bool is_http2, const char *why);

#endif
