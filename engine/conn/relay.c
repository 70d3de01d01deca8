/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/relay.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conn/exchanges.h"
#include "conn/inspect.h"
#include "http/http.h"

enum {
	SHARE = 4,      /* buffers one direction may move before others have their turn */
	SPARE_MAX = 64, /* buffers kept; 4 MiB a worker */
};

/* Behind the longest that a filter holds there is room for a record, and for what it puts in. */
static_assert(HTTP_HEAD_MAX + 16 + SESSION_READ_ROOM + HTTP_ROOM <= RELAY_BUFFER, "no room");

static bool buffer_borrow(struct relay *relay, struct relay_pool *pool)
{
	if (relay->buffer)
		return true;
	if (pool->spare) {
		relay->buffer = pool->spare;
		pool->spare = relay->buffer->next;
		pool->n--;
	} else {
		relay->buffer = malloc(sizeof(*relay->buffer));
	}
	relay->begin = relay->limit = relay->end = 0;
	return relay->buffer != NULL;
}

static void buffer_return(struct relay *relay, struct relay_pool *pool)
{
	struct relay_buffer *buffer = relay->buffer;

	if (!buffer)
		return;
	explicit_bzero(buffer->bytes, relay->dirty); /* somebody's plaintext */
	relay->buffer = NULL;
	relay->begin = relay->limit = relay->end = relay->dirty = 0;
	if (pool->n >= SPARE_MAX) {
		free(buffer);
		return;
	}
	buffer->next = pool->spare;
	pool->spare = buffer;
	pool->n++;
}

void relay_pool_deinit(struct relay_pool *pool)
{
	while (pool->spare) {
		struct relay_buffer *next = pool->spare->next;

		free(pool->spare);
		pool->spare = next;
	}
	pool->n = 0;
}

void relay_deinit(struct relay *relay, struct relay_pool *pool)
{
	relay_forget(relay);
	buffer_return(relay, pool);
}

/* --- the head, kept aside --- */

void relay_keep(struct relay *relay)
{
	relay->keeps_head = true;
}

void relay_forget(struct relay *relay)
{
	if (relay->head)
		explicit_bzero(relay->head, relay->n_head);
	free(relay->head);
	relay->head = NULL;
	relay->n_head = 0;
	relay->keeps_head = false;
}

const uint8_t *relay_head(const struct relay *relay, size_t *ret_n)
{
	*ret_n = relay->n_head;
	return relay->head;
}

static void keep(struct relay *relay, const uint8_t *bytes, size_t n)
{
	if (!relay->keeps_head || n == 0)
		return;
	if (!relay->head)
		relay->head = malloc(RELAY_HEAD_MAX);
	if (!relay->head || n > RELAY_HEAD_MAX - relay->n_head) {
		relay_forget(relay);
		return;
	}
	memcpy(relay->head + relay->n_head, bytes, n);
	relay->n_head += n;
}

/* The filter holds a message, or has one to be written first: what follows is not looked at. */
static bool is_parked(const struct relay *relay)
{
	return relay->filter && exchanges_is_holding(relay->filter, relay->way);
}

/* --- looked at --- */

void relay_show(struct relay *relay, struct inspection *inspection, unsigned way)
{
	relay->inspection = inspection;
	relay->way = way;
}

/* A part of the buffer that is to be written; what is held may never reach its reader. */
static void show(const struct relay *relay, size_t begin, size_t end)
{
	if (relay->inspection && !relay->is_held && begin < end)
		inspect_see(relay->inspection, relay->way, relay->buffer->bytes + begin,
			    end - begin);
}

static void show_end(struct relay *relay)
{
	size_t n;

	if (!relay->inspection || relay->has_shown_end || relay_held(relay, &n) ||
	    is_parked(relay) || !(relay->is_closed || relay->is_finished))
		return;
	relay->has_shown_end = true;
	inspect_finish(relay->inspection, relay->way);
}

/* --- filtered --- */

void relay_filter(struct relay *relay, struct exchanges *exchanges, unsigned way)
{
	relay->filter = exchanges;
	relay->way = way;
}

bool relay_is_drained(const struct relay *relay)
{
	return relay->begin == relay->limit;
}

static void filter(struct relay *relay, size_t n_held)
{
	uint8_t *bytes = relay->buffer->bytes;

	relay->limit = exchanges_read(relay->filter, relay->way, bytes, n_held, &relay->end);
	if ((!relay->is_closed && !relay->is_finished) || is_parked(relay))
		return;
	n_held = relay->end - relay->limit;
	exchanges_finish(relay->filter, relay->way, n_held);
	if (n_held > 0)
		relay->limit =
			exchanges_read(relay->filter, relay->way, bytes, relay->end, &relay->end);
}

/* --- held back --- */

void relay_hold(struct relay *relay)
{
	relay->is_held = true;
}

const uint8_t *relay_held(const struct relay *relay, size_t *ret_n)
{
	if (!relay->is_held)
		return NULL;
	if (relay->limit == 0 && relay->filter)
		return exchanges_held(relay->filter, relay->way, ret_n);
	*ret_n = relay->end;
	return relay->end > 0 ? relay->buffer->bytes : NULL;
}

void relay_release(struct relay *relay)
{
	if (!relay->is_held)
		return;
	relay->is_held = false;
	show(relay, 0, relay->limit);
	show_end(relay);
}

/* --- moving --- */

static bool is_failure(enum session_io io)
{
	return io == SESSION_RESET || io == SESSION_ALERT || io == SESSION_ERROR ||
	       io == SESSION_WANTS_CERTIFICATE;
}

static void soil(struct relay *relay)
{
	if (relay->end > relay->dirty)
		relay->dirty = relay->end;
}

/* All that may be written is: the rest to the front. How much that is. */
static size_t keep_held(struct relay *relay)
{
	size_t n_held = relay->end - relay->limit;

	memmove(relay->buffer->bytes, relay->buffer->bytes + relay->limit, n_held);
	relay->begin = 0;
	relay->end = n_held;
	return n_held;
}

static void pass_filter(struct relay *relay, size_t n_held)
{
	filter(relay, n_held);
	soil(relay);
	show(relay, 0, relay->limit);
}

/*
 * Reads what is there, behind what is held, as far as the buffer reaches, and notes how it ended.
 */
static void fill(struct relay *relay, struct session *from)
{
	size_t room = relay->filter ? RELAY_BUFFER - HTTP_ROOM : RELAY_BUFFER;
	size_t n_held = keep_held(relay);

	relay->io = SESSION_OK;
	while (relay->io == SESSION_OK && room - relay->end >= SESSION_READ_ROOM) {
		size_t n = 0;

		relay->io = session_read(from, relay->buffer->bytes + relay->end, room - relay->end,
					 &n);
		relay->end += n;
		if (!relay->filter) /* record by record, as it came */
			show(relay, relay->end - n, relay->end);
	}
	soil(relay);
	keep(relay, relay->buffer->bytes + n_held, relay->end - n_held);
	if (relay->io == SESSION_CLOSED) {
		size_t nothing;

		relay->is_closed = true; /* and the FIN may be right behind it */
		relay->io = session_read(from, relay->buffer->bytes + relay->end, 0, &nothing);
	}
	if (relay->io == SESSION_TRUNCATED)
		relay->is_finished = true;
	relay->limit = relay->end;
	if (relay->filter)
		pass_filter(relay, n_held);
	show_end(relay);
}

static enum session_io drain(struct relay *relay, struct session *to)
{
	while (relay->begin < relay->limit) {
		size_t n;
		enum session_io io = session_write(to, relay->buffer->bytes + relay->begin,
						   relay->limit - relay->begin, &n);

		if (io != SESSION_OK)
			return io;
		relay->begin += n;
		relay->bytes += n;
	}
	return SESSION_OK;
}

bool relay_is_plain(const struct relay *relay)
{
	return !relay->is_held && !relay->keeps_head && !relay->filter && !relay->inspection &&
	       !relay->is_closed && !relay->is_finished && !is_failure(relay->io);
}

enum session_io relay_flush(struct relay *relay, struct relay_pool *pool, struct session *to)
{
	enum session_io io = drain(relay, to);

	if (io == SESSION_OK)
		buffer_return(relay, pool);
	return io;
}

/* Everything read was written: tell the other side what the end was. */
static enum session_io finish(struct relay *relay, struct session *to, int to_fd)
{
	if (relay->is_closed && !relay->is_notified) {
		enum session_io io = session_close_notify(to);

		if (io != SESSION_OK)
			return io;
		relay->is_notified = true;
	}
	if (relay->is_finished && !relay->is_shut) {
		enum session_io io = session_flush(to, SESSION_FLUSH_LAST);

		if (io == SESSION_OK) {
			io = session_drain(to);
			relay->is_pressing = io == SESSION_WAIT && session_asks_again(to);
		}
		if (io != SESSION_OK)
			return io;
		(void)shutdown(to_fd, SHUT_WR);
		relay->is_shut = true;
	}
	return SESSION_OK;
}

/* Writes what was read, then its end. */
static enum session_io carry_on(struct relay *relay, struct session *to, int to_fd)
{
	enum session_io io = drain(relay, to);

	return io == SESSION_OK && !is_parked(relay) ? finish(relay, to, to_fd) : io;
}

/* Some of what the filter released; WAIT as long as it has not. */
static enum session_io drain_released(struct relay *relay, struct session *to)
{
	size_t n = 0, n_written = 0;
	const uint8_t *bytes = exchanges_released(relay->filter, relay->way, &n);
	enum session_io io;

	if (!bytes)
		return SESSION_WAIT;
	io = session_write(to, bytes, n < RELAY_BUFFER ? n : RELAY_BUFFER, &n_written);
	if (io != SESSION_OK)
		return io;
	if (relay->inspection)
		inspect_see(relay->inspection, relay->way, bytes, n_written);
	relay->bytes += n_written;
	exchanges_sent(relay->filter, relay->way, n_written);
	return SESSION_OK;
}

int relay_end_with(struct relay *relay, struct relay_pool *pool, const void *bytes, size_t n)
{
	if (!buffer_borrow(relay, pool))
		return -ENOMEM;
	memcpy(relay->buffer->bytes, bytes, n);
	relay->is_held = false;
	relay->filter = NULL;
	relay->begin = 0;
	relay->limit = relay->end = n;
	soil(relay);
	relay->io = SESSION_OK;
	relay->is_closed = relay->is_finished = true;
	show(relay, 0, n);
	show_end(relay);
	return 0;
}

/* The next bytes for `to`. WAIT: there are none yet, or it does not take them. */
static enum session_io write_some(struct relay *relay, struct relay_pool *pool, struct session *to,
				  int to_fd, bool *ret_was_parked)
{
	enum session_io io = carry_on(relay, to, to_fd);

	*ret_was_parked = io == SESSION_OK && is_parked(relay);
	if (*ret_was_parked)
		io = drain_released(relay, to);
	if (io == SESSION_WAIT && *ret_was_parked && relay->end == relay->limit)
		buffer_return(relay, pool);
	return io;
}

/* All that was read is written: more. AGAIN: something may be there to be written, or read. */
static enum relay_result read_some(struct relay *relay, struct relay_pool *pool,
				   struct session *from, enum session_io *ret_io)
{
	if (is_failure(relay->io)) {
		*ret_io = relay->io;
		return RELAY_READ_FAILED;
	}
	if (relay->is_finished) {
		buffer_return(relay, pool);
		return RELAY_ENDED;
	}
	if (!buffer_borrow(relay, pool))
		return RELAY_NO_MEMORY;
	fill(relay, from);
	if (relay->filter && exchanges_is_cut(relay->filter))
		return RELAY_CUT;
	if (relay->io != SESSION_WAIT || relay->limit > 0 || is_parked(relay) ||
	    relay->is_closed != relay->is_notified)
		return RELAY_AGAIN;
	if (relay->end == 0)
		buffer_return(relay, pool);
	return RELAY_WAIT;
}

/* What the filter held went out: it looks at what came behind it, which nobody has read yet. */
static enum relay_result unpark(struct relay *relay, struct relay_pool *pool)
{
	if (!buffer_borrow(relay, pool))
		return RELAY_NO_MEMORY;
	pass_filter(relay, keep_held(relay));
	show_end(relay);
	return exchanges_is_cut(relay->filter) ? RELAY_CUT : RELAY_AGAIN;
}

/* Writes what was read before, sends it, and reads on. */
static enum relay_result move_some(struct relay *relay, struct relay_pool *pool,
				   struct session *from, struct session *to, int to_fd, bool sends,
				   enum session_io *ret_io)
{
	bool was_parked = false;
	enum session_io io = write_some(relay, pool, to, to_fd, &was_parked);

	if (io == SESSION_OK && sends)
		io = session_flush(to, SESSION_FLUSH_WRITTEN);
	if (io == SESSION_WAIT)
		return relay->is_pressing ? RELAY_AGAIN : RELAY_WAIT;
	if (io != SESSION_OK) {
		*ret_io = io;
		return RELAY_WRITE_FAILED;
	}
	if (is_parked(relay))
		return RELAY_AGAIN;
	return was_parked ? unpark(relay, pool) : read_some(relay, pool, from, ret_io);
}

enum relay_result relay_move(struct relay *relay, struct relay_pool *pool, struct session *from,
			     struct session *to, int to_fd, enum session_io *ret_io)
{
	enum relay_result result = RELAY_AGAIN;
	enum session_io io;
	size_t n;

	/* At first nothing is sent yet: what the handshake left goes with what is read now. */
	for (unsigned i = 0; i < SHARE && result == RELAY_AGAIN; i++)
		result = relay_held(relay, &n)
				 ? RELAY_HELD
				 : move_some(relay, pool, from, to, to_fd, i > 0, ret_io);
	io = session_flush(to, SESSION_FLUSH_WRITTEN);
	if (!is_failure(io) || result == RELAY_READ_FAILED || result == RELAY_WRITE_FAILED)
		return result;
	*ret_io = io;
	return RELAY_WRITE_FAILED;
}
