/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_EVENT_H
#define POSTERN_BASE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The kinds of events, and where events go: words that the configuration (policy) and the outputs
 * (tap) share. doc/events.md describes both.
 */

#define EVENT_TYPES(X)                                                                             \
	X(EVENT_CONNECTION, "connection")     /* one that ended */                                 \
	X(EVENT_LEARNED, "learned")           /* something about a server */                       \
	X(EVENT_ALERT, "alert")               /* what somebody should look at */                   \
	X(EVENT_VERIFICATION, "verification") /* a server's chain did not verify */                \
	X(EVENT_ISSUED, "issued")             /* a forged leaf came from certgen */                \
	X(EVENT_MODE, "mode")                 /* the door: armed, open or closed */                \
	X(EVENT_HTTP, "http")                 /* a request inside, and its response */             \
	X(EVENT_RELOAD, "reload")             /* of the configuration, or why not */               \
	X(EVENT_STATS, "stats")               /* every now and then */                             \
	X(EVENT_LOST, "lost")                 /* how many events an output did not get */

#define EVENT_ENUM(name, word) name,
enum event_type { EVENT_TYPES(EVENT_ENUM) EVENT_N_TYPES };
#undef EVENT_ENUM

/* Sets of them. Each output gets EVENT_LOST, whatever it takes. */
#define EVENT_BIT(type) (1U << (type))
#define EVENT_ALL (EVENT_BIT(EVENT_N_TYPES) - 1)

#define OUTPUT_KINDS(X)                                                                            \
	X(OUTPUT_FILE, "file") /* lines of JSON, as on the next and on a unix socket */            \
	X(OUTPUT_STDOUT, "stdout")                                                                 \
	X(OUTPUT_JOURNAL, "journal") /* of systemd, in its own protocol */                         \
	X(OUTPUT_SYSLOG, "syslog")   /* RFC 5424 or RFC 3164 around the JSON */                    \
	X(OUTPUT_UNIX, "unix")       /* a stream socket that somebody listens to */

/* Where syslog goes. */
#define OUTPUT_TRANSPORTS(X)                                                                       \
	X(OUTPUT_BY_UNIX, "unix") /* datagrams */                                                  \
	X(OUTPUT_BY_TCP, "tcp")   /* RFC 6587, octets counted */                                   \
	X(OUTPUT_BY_UDP, "udp")   /* RFC 5426 */

#define OUTPUT_FORMATS(X)                                                                          \
	X(OUTPUT_RFC5424, "rfc5424")                                                               \
	X(OUTPUT_RFC3164, "rfc3164") /* as programs of the same machine write it */

#define OUTPUT_ENUM(name, word) name,
enum output_kind { OUTPUT_KINDS(OUTPUT_ENUM) OUTPUT_N_KINDS };
enum output_transport { OUTPUT_TRANSPORTS(OUTPUT_ENUM) };
enum output_format { OUTPUT_FORMATS(OUTPUT_ENUM) };
#undef OUTPUT_ENUM

enum {
	OUTPUT_TARGET_MAX = 512,
	OUTPUT_PORT_MAX = 6,
	OUTPUTS_MAX = 16,
};

struct output_options {
	enum output_kind kind;
	uint32_t events;                /* a set: what it gets */
	char target[OUTPUT_TARGET_MAX]; /* a path, or a host; "": the kind says all */
	bool stops; /* rather than have it lose an event, no connection is taken in */
	/* Of a file: */
	bool is_synced;    /* the disk is waited for */
	uint64_t max_size; /* bytes; 0: it is not turned over by size */
	unsigned keep;     /* how many older ones stay then */
	/* Of syslog: */
	enum output_transport transport;
	char port[OUTPUT_PORT_MAX];
	enum output_format format;
	unsigned facility;
	bool is_cee; /* the JSON has "@cee: " before it */
};

#endif
