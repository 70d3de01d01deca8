/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_CONN_H
#define POSTERN_CONN_CONN_H

#include "base/timer.h"
#include "conn/engine.h"
#include "conn/notes.h"
#include "conn/relay.h"
#include "learn/learn.h"
#include "net/splice.h"
#include "policy/reason.h"
#include "tls/fingerprint.h"
#include "tls/hello.h"
#include "tls/judge.h"
#include "tls/resumptions.h"
#include "tls/session.h"

struct worker;
struct exchanges;
struct familiar;
struct forged;
struct inspection;
struct watch;

/* In the order of its life; life.c has the steps. The words are those of ARCHITECTURE.md. */
#define CONN_STATES(X)                                                                             \
	X(CONN_PEEKING, "hello")   /* awaiting the hello, which is only peeked at */               \
	X(CONN_WAITING, "wait")    /* another connection is asking the same server */              \
	X(CONN_DIALLING, "dial")   /* connecting, to intercept */                                  \
	X(CONN_PROBING, "probe")   /* our handshake with the server */                             \
	X(CONN_HEARING, "hear")    /* what the server says to an empty certificate */              \
	X(CONN_FORGING, "forge")   /* awaiting the leaf from certgen */                            \
	X(CONN_GREETING, "greet")  /* our handshake with the client */                             \
	X(CONN_RELAYING, "relay")  /* intercepted: plaintext both ways */                          \
	X(CONN_PARTING, "part")    /* the server is gone; the last bytes for the client */         \
	X(CONN_PASSING, "redial")  /* connecting, to pass */                                       \
	X(CONN_SPLICING, "splice") /* passed: bytes both ways, untouched */                        \
	X(CONN_REFUSING, "refuse") /* the alert was sent, awaiting the client's FIN */             \
	X(CONN_CLOSED, "closed")   /* reported; freed after the event batch */

#define CONN_ENUM(name, word) name,
enum conn_state { CONN_STATES(CONN_ENUM) N_CONN_STATES };
#undef CONN_ENUM

struct conn {
	struct worker *worker;
	struct settings *settings; /* counted */
	struct conn *prev, *next;  /* all of the worker's, or its dead ones */
	struct conn *next_ready;
	bool is_ready; /* has work left for the next turn of the loop */
	enum conn_state state;
	struct timer deadline;

	struct sock client;
	struct sock server;
	union addr client_addr;
	union addr server_addr; /* original destination */
	size_t peeked;          /* bytes seen so far */
	bool has_low_water;
	bool is_tls;           /* the bytes seen so far may begin a hello */
	struct hello *hello;   /* once whole; owned */
	uint8_t *packed_hello; /* in its place, once nobody but the log needs it; owned */
	size_t n_packed_hello;
	char ja4[FINGERPRINT_JA4_SIZE]; /* of it; "": not needed yet */

	struct verdict verdict; /* of the rules */
	bool has_fate;
	enum fate fate;
	enum reason reason;
	enum end end;
	char detail[VERIFY_DETAIL_SIZE];
	enum verify_result chain_verdict;
	struct judgement *judgement; /* of the server's chain; counted; NULL: not judged yet */

	struct session *upstream;
	struct learned_waiter waiter;
	struct conn *prev_waiting, *next_waiting_turn; /* of the worker's that wait */
	bool is_prober;       /* others may be waiting for what this one finds */
	bool is_waiting_turn; /* it is one of those */
	bool is_in_waiting;   /* in the worker's list */
	bool is_known;        /* the learned server of the two below */
	bool is_fresh;        /* what it finds is known already */
	enum learn_class known_class;
	uint8_t known_key[LEARN_DIGEST];
	bool is_own;              /* the engine's own: there is no client, only the probe */
	bool is_http1;            /* the server is to speak that, if the client does */
	bool is_resuming;         /* offered to the server, and not declined */
	bool has_tried_to_resume; /* in vain: not again */
	uint8_t session_key[RESUMPTIONS_KEY]; /* of sessions like this one's upstream */
	bool is_proving; /* the server asked for a certificate; the rest of its flight is read */
	bool has_familiar_key;
	uint8_t familiar_key[RESUMPTIONS_KEY];
	struct familiar *familiar; /* what it is greeted by early; counted; NULL: it is not */
	bool is_greeted;           /* the client's handshake is over */
	struct session *downstream;
	struct forged *forged;     /* counted */
	struct conn *next_waiting; /* for the same forged leaf */
	bool is_waiting;

	bool is_relaying;              /* has begun */
	bool has_first_end;            /* one side has finished; `end` says which */
	bool had_first_end;            /* when the deadline was last set */
	uint64_t moved;                /* bytes, then */
	struct relay relay[2];         /* [TO_SERVER], [TO_CLIENT] */
	struct inspection *inspection; /* of the plaintext; NULL: nobody looks */
	struct exchanges *exchanges;   /* of its HTTP; NULL: nobody asks */
	struct splice splice[2];
	uint64_t counted[2]; /* bytes, in the metrics already */
	struct watch *watch; /* of a passed handshake that can be read; NULL: of none */
	bool is_counted;     /* in engine->n_connections */
	uint64_t flow_id;
	uint64_t started_wall, started; /* us */
	uint64_t entered;               /* us, the current state */
	uint64_t spent[N_CONN_STATES];  /* us */
	bool has_server;                /* was connected to it */
	struct conn_notes notes;
};

enum { TO_SERVER, TO_CLIENT };

/* A new connection on an accepted socket; the descriptor is taken over also on failure. */
int conn_new(struct worker *worker, int fd, const union addr *client, const union addr *server);

/*
 * One of the engine's own, to the same server with the same hello: to look again, while the old
 * verdict serves. 0 or -errno.
 */
int conn_new_own(const struct conn *conn);

/* Runs the connection until it waits: on readiness, and when certgen has answered. */
void conn_run(struct conn *conn);
void conn_expire(struct conn *conn); /* its deadline has come */
void conn_stop(struct conn *conn);   /* from outside, when the engine stops */
void conn_review(struct conn *conn, struct settings *settings); /* review.h */
void conn_free(struct conn *conn);                              /* after the batch */

/* --- for the files of this folder --- */

enum conn_state conn_end(struct conn *conn, enum end end); /* for a step to return */
/* What the owner wants, as of its beginning. */
static inline const struct config *config_of(const struct conn *conn)
{
	return conn->settings->config;
}

void conn_close(struct conn *conn); /* reports it, and lets go of everything but its memory */
void conn_set_deadline(struct conn *conn, uint64_t ms); /* anew, so long from now */

#endif
