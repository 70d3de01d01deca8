/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_HTTP_EXCHANGE_H
#define POSTERN_HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reader.h"

/*
 * A request and its response, as HTTP/1.1 and HTTP/2 have them in common. Texts are cut to their
 * room, with NUL behind them; they are the client's and the server's own bytes.
 */

enum {
	HTTP_HEAD_MAX = 32000,       /* bytes of a head: its lines, or its frames on the wire */
	HTTP_EXCHANGES_MAX = 256,    /* of one connection at once */
	EXCHANGE_TARGET_KEPT = 1024, /* bytes of a target, once it was judged */
};

/* What is wrong with a stream, or why it cannot be followed any further: the log's words. */
#define HTTP_ANOMALIES(X)                                                                          \
	X(HTTP_SOUND, "")                                                                          \
	X(HTTP_BAD_GRAMMAR, "grammar")         /* lines, fields or frames against the RFC */       \
	X(HTTP_BAD_FRAMING, "framing")         /* two readers could disagree where a body ends */  \
	X(HTTP_BAD_HOST, "host")               /* none, more than one, or they differ */           \
	X(HTTP_BAD_COMPRESSION, "compression") /* HPACK that is broken, or needs too much room */  \
	X(HTTP_TOO_LARGE, "too_large")         /* a head beyond HTTP_HEAD_MAX */                   \
	X(HTTP_TOO_MANY, "too_many")           /* exchanges beyond HTTP_EXCHANGES_MAX */           \
	X(HTTP_UNSOLICITED, "unsolicited")     /* a response to nothing */                         \
	X(HTTP_TUNNEL, "tunnel")               /* another protocol follows: CONNECT, Upgrade */    \
	X(HTTP_NO_MEMORY, "no_memory")

#define HTTP_ANOMALY_ENUM(name, word) name,
enum http_anomaly { HTTP_ANOMALIES(HTTP_ANOMALY_ENUM) };
#undef HTTP_ANOMALY_ENUM

const char *http_anomaly_text(enum http_anomaly anomaly);

/* What was found out about a body: the log's words. */
#define SCAN_VERDICTS(X)                                                                           \
	X(SCAN_NONE, "")                                                                           \
	X(SCAN_CLEAN, "clean")                                                                     \
	X(SCAN_INFECTED, "infected")                                                               \
	X(SCAN_REPLACED, "replaced")   /* the scanner would send something else */                 \
	X(SCAN_FAILED, "failed")       /* it cannot be reached, or makes no sense */               \
	X(SCAN_TIMEOUT, "timeout")     /* it did not answer in time */                             \
	X(SCAN_TOO_LARGE, "too_large") /* it was not asked */                                      \
	X(SCAN_NO_MEMORY, "no_memory") /* neither */

#define SCAN_VERDICT_ENUM(name, word) name,
enum scan_verdict { SCAN_VERDICTS(SCAN_VERDICT_ENUM) };
#undef SCAN_VERDICT_ENUM

const char *scan_verdict_text(enum scan_verdict verdict);

struct scan {
	enum scan_verdict verdict;
	bool is_blocked;
	uint32_t ms;
	char found[96]; /* the scanner's name for it */
};

struct exchange {
	struct exchange *next;
	uint64_t number; /* of the connection's, from 0 */
	uint64_t began;  /* us, wall clock */
	uint32_t stream; /* HTTP/2; 0: HTTP/1 */
	uint8_t version; /* minor, of HTTP/1: 0 or 1 */

	char method[24];
	char *target; /* owned; whole while it is judged, then cut */
	size_t n_target;
	char host[256]; /* lower case, without port and the dot at the end; "[::1]" */
	char user_agent[160];
	char referer[256];
	char upgrade[32]; /* the protocol asked for: Upgrade, or :protocol */

	unsigned status; /* 0: none came */
	char content_type[96];
	uint64_t request_bytes, response_bytes; /* of their bodies, as they are on the wire */

	bool is_request_over, is_response_over;
	bool is_refused;
	bool is_reset;    /* a stream of HTTP/2 that one end cut */
	bool is_upgraded; /* what follows is not HTTP */
	bool is_pushed;
	struct scan scans[2]; /* of the bodies of request and response */
};

/* NULL: no memory. */
struct exchange *exchange_new(uint64_t number);
/* Wipes it. */
void exchange_free(struct exchange *exchange);

/* As much of the bytes as there is room for. */
void exchange_text(char *text, size_t room, const void *bytes, size_t n);
#define EXCHANGE_TEXT(member, bytes, n) exchange_text(member, sizeof(member), bytes, n)

/* False: no memory. */
bool exchange_set_target(struct exchange *exchange, const void *bytes, size_t n);
/* Once it was judged. */
void exchange_cut_target(struct exchange *exchange);

/*
 * The host of an authority (RFC 3986 section 3.2), which may have a port but no user. False: it is
 * none.
 */
bool exchange_set_host(struct exchange *exchange, struct reader authority);

#endif
