/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_RELAY_H
#define POSTERN_CONN_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls/session.h"

/*
 * One direction of an intercepted connection: plaintext from one TLS session to the other. A buffer
 * is lent from a pool only while bytes are in it. Nothing more is read while they could not be
 * written, so a slow reader slows the writer (back-pressure). close_notify and FIN are carried over
 * each as what it was.
 */

enum {
	RELAY_HEAD_MAX = 16384,
	/* Four of the largest records. */
	RELAY_BUFFER = 3 * 16384 + SESSION_READ_ROOM,
};

/* Whether the kernel carries it in the relay's place, see conn/shortcut.h. */
enum shortcut { SHORTCUT_NONE, SHORTCUT_OPEN, SHORTCUT_IMPOSSIBLE };

struct exchanges;
struct inspection;

struct relay_buffer {
	struct relay_buffer *next; /* in the pool */
	uint8_t bytes[RELAY_BUFFER];
};

/* All zero is empty and ready. */
struct relay_pool {
	struct relay_buffer *spare;
	unsigned n;
};

void relay_pool_deinit(struct relay_pool *pool);

struct relay {
	struct relay_buffer *buffer;
	size_t begin, end; /* of what is in it */
	size_t limit;      /* up to where it may be written; the filter holds the rest */
	size_t dirty;      /* bytes to wipe before it is given back */
	/* How the last read ended; a failure waits until all before it is written. */
	enum session_io io;
	bool is_closed;   /* close_notify came */
	bool is_finished; /* FIN came */
	bool is_notified; /* close_notify was sent on */
	bool is_shut;     /* FIN was sent on */
	bool is_pressing; /* the end is on its way, and no event will say that it has gone */
	uint64_t bytes;   /* written, in all */
	bool is_held;     /* what is read is looked at before it is written */
	bool keeps_head;
	uint8_t *head; /* all that was read, while that is kept; owned */
	size_t n_head;
	struct exchanges *filter;      /* who decides what is written; NULL: nobody, all is */
	struct inspection *inspection; /* who looks on; NULL: nobody */
	unsigned way;                  /* for those */
	bool has_shown_end;
	enum shortcut shortcut;
};

enum relay_result {
	RELAY_WAIT,
	RELAY_AGAIN,       /* the share of this turn is used up */
	RELAY_ENDED,       /* all was carried over, the FIN included */
	RELAY_READ_FAILED, /* *ret_io says how: RESET, ALERT, ERROR, WANTS_CERTIFICATE */
	RELAY_WRITE_FAILED,
	RELAY_NO_MEMORY,
	RELAY_HELD, /* the first bytes are there: relay_held() */
	RELAY_CUT,  /* the filter lets nothing go on any more */
};

/* `to_fd` is the socket under `to`, for its FIN. */
enum relay_result relay_move(struct relay *relay, struct relay_pool *pool, struct session *from,
			     struct session *to, int to_fd, enum session_io *ret_io);

/*
 * Before the first relay_move(): what is read is kept aside as well, until relay_forget() or until
 * it is more than RELAY_HEAD_MAX bytes.
 */
void relay_keep(struct relay *relay);
void relay_forget(struct relay *relay);
/* All that was read so far; NULL: nothing, or it is not known any more. */
const uint8_t *relay_head(const struct relay *relay, size_t *ret_n);

/*
 * Before the first relay_move(), which then answers RELAY_HELD and writes nothing until
 * relay_release().
 */
void relay_hold(struct relay *relay);
/* What is held; NULL: nothing. Those who look on see it when it is released. */
const uint8_t *relay_held(const struct relay *relay, size_t *ret_n);
void relay_release(struct relay *relay);

/*
 * When all that was read is written: these last bytes of our own (at most RELAY_BUFFER), then
 * close_notify and FIN, for relay_move() to write; it reads nothing any more. 0 or -ENOMEM.
 */
int relay_end_with(struct relay *relay, struct relay_pool *pool, const void *bytes, size_t n);

/*
 * From now on what is read is what conn/exchanges.h makes of it, and what that holds back stays in
 * the buffer. NULL: everything.
 */
void relay_filter(struct relay *relay, struct exchanges *exchanges, unsigned way);
/* All that may be written is. */
bool relay_is_drained(const struct relay *relay);

/* From now on what is read is shown as that of `way` (conn/inspect.h); NULL: to nobody. */
void relay_show(struct relay *relay, struct inspection *inspection, unsigned way);

/* It goes on, and nobody wants to see its bytes: they may take another way (conn/shortcut.h). */
bool relay_is_plain(const struct relay *relay);
/* Writes what was read, and reads nothing. As session_write(). */
enum session_io relay_flush(struct relay *relay, struct relay_pool *pool, struct session *to);

/* Wipes and gives back the buffer. */
void relay_deinit(struct relay *relay, struct relay_pool *pool);

#endif
