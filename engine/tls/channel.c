/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How it works
 *
 * Reading: what the socket has goes into a buffer, and each whole record of it is opened right into
 * the caller's. Writing: records are sealed into another buffer, and channel_flush() sends that. So
 * there is no copy but by the ciphers, a system call moves up to four records, an answer leaves in
 * one segment with the close_notify behind it, and while nothing is under way neither buffer is
 * there. What is sealed counts as written. Where the kernel has taken over, channel_kernel.c has
 * the same steps.
 *
 * After the handshake other records are few: alerts, tickets, updates of keys, requests to begin
 * anew. A peer that sends many of them and no data is at something else, and is cut off.
 */
#include "tls/channel_self.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "tls/outbox.h"

enum {
	TLS1_2 = 0x0303,
	IDLE_RECORDS = 64,   /* in a row that bring no data */
	MESSAGE_MAX = 32768, /* of the handshake, put together from records */
	MESSAGE_HEADER = 4,
};

int channel_new(const struct channel_options *options, struct channel **ret_channel)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (!channel) {
		protect_free(options->reads);
		protect_free(options->writes);
		return -ENOMEM;
	}
	channel->its = *options;
	channel->error = "";
	channel->out = outbox_of(options->sock, options->pool, options->unsent);
	if (options->is_unsent_lazy)
		outbox_keep(&channel->out);
	*ret_channel = channel;
	return 0;
}

static void drop_message(struct channel *channel)
{
	free(channel->message);
	channel->message = NULL;
	channel->n_message = 0;
}

/* Content, for which nobody asked. */
static void drop_data(struct channel *channel)
{
	if (channel->data)
		explicit_bzero(channel->data->bytes, channel->data->end);
	buffer_return(channel->its.pool, &channel->data);
}

void channel_free(struct channel *channel)
{
	if (!channel)
		return;
	protect_free(channel->its.reads);
	protect_free(channel->its.writes);
	drop_data(channel);
	buffer_return(channel->its.pool, &channel->in);
	outbox_deinit(&channel->out);
	drop_message(channel);
	free(channel);
}

/* --- writing --- */

enum session_io channel_socket_failed(struct channel *channel, int error)
{
	snprintf(channel->text, sizeof(channel->text), "%s", strerror(error));
	channel->error = channel->text;
	return channel->failure = SESSION_RESET;
}

enum session_io channel_flush(struct channel *channel, enum session_flush which)
{
	int r;

	if (channel->has_kernel_writes)
		return channel_kernel_flush(channel);
	r = outbox_flush(&channel->out, which);
	if (r == -EAGAIN)
		return SESSION_WAIT;
	return r < 0 ? channel_socket_failed(channel, -r) : SESSION_OK;
}

static bool seal(struct channel *channel, uint8_t type, const uint8_t *bytes, size_t n)
{
	if (channel->has_kernel_writes)
		return channel_kernel_seal(channel, type, bytes, n);
	return outbox_seal(&channel->out, channel->its.writes, type, bytes, n);
}

static bool send_alert(struct channel *channel, uint8_t level, uint8_t alert)
{
	const uint8_t bytes[] = { level, alert };

	return seal(channel, PROTECT_ALERT, bytes, sizeof(bytes));
}

/* Of TLS 1.3: with the old key, and from then on it is the next one. */
static bool send_key_update(struct channel *channel)
{
	const uint8_t bytes[] = { KEY_UPDATE, 0, 0, 1, 0 };

	return seal(channel, PROTECT_HANDSHAKE, bytes, sizeof(bytes)) &&
	       (channel->has_kernel_writes || protect_update(channel->its.writes) == 0);
}

enum session_io channel_fail(struct channel *channel, uint8_t alert, const char *error)
{
	channel->error = error;
	channel->failure = SESSION_ERROR;
	if (send_alert(channel, ALERT_FATAL, alert) &&
	    channel_flush(channel, SESSION_FLUSH_WRITTEN) == SESSION_RESET) {
		channel->error = error;
		channel->failure = SESSION_ERROR;
	}
	return SESSION_ERROR;
}

void channel_refuse(struct channel *channel, uint8_t alert)
{
	if (send_alert(channel, ALERT_FATAL, alert))
		(void)channel_flush(channel, SESSION_FLUSH_WRITTEN);
}

static enum session_io make_room(struct channel *channel, size_t n)
{
	return outbox_has_room(&channel->out, n) ? SESSION_OK
						 : channel_flush(channel, SESSION_FLUSH_WRITTEN);
}

enum session_io channel_write(struct channel *channel, const uint8_t *bytes, size_t n,
			      size_t *ret_n)
{
	size_t most = n < PROTECT_CONTENT_MAX ? n : PROTECT_CONTENT_MAX, sealed = 0;
	enum session_io io = make_room(channel, most);

	if (io != SESSION_OK)
		return io;
	if (protect_is_worn(channel->its.writes) && !send_key_update(channel))
		return channel_fail(channel, INTERNAL_ERROR, "no memory");
	if (channel->has_kernel_writes)
		return channel_kernel_write(channel, bytes, n, ret_n);
	while (most > 0 && outbox_has_room(&channel->out, most) &&
	       seal(channel, PROTECT_DATA, bytes + sealed, most)) {
		sealed += most;
		most = n - sealed < PROTECT_CONTENT_MAX ? n - sealed : PROTECT_CONTENT_MAX;
	}
	if (sealed == 0)
		return channel_fail(channel, INTERNAL_ERROR, "no memory");
	*ret_n = sealed;
	return SESSION_OK;
}

enum session_io channel_refresh(struct channel *channel)
{
	enum session_io io = channel_flush(channel, SESSION_FLUSH_ALL);

	if (io != SESSION_OK || !protect_is_worn(channel->its.writes))
		return io;
	if (!send_key_update(channel))
		return channel_fail(channel, INTERNAL_ERROR, "no memory");
	return channel_flush(channel, SESSION_FLUSH_ALL);
}

enum session_io channel_close_notify(struct channel *channel)
{
	enum session_io io = make_room(channel, 0);

	if (io != SESSION_OK || channel->is_notified || channel->failure != SESSION_OK)
		return io;
	if (!send_alert(channel, ALERT_WARNING, CLOSE_NOTIFY))
		return channel_fail(channel, INTERNAL_ERROR, "no memory");
	channel->is_notified = true;
	return SESSION_OK;
}

/* --- what is no data --- */

static enum session_io take_alert(struct channel *channel, const uint8_t *bytes, size_t n)
{
	bool is_13 = channel->its.version > TLS1_2;

	if (n != 2) /* RFC 8446 section 5.1 has a name for the empty one */
		return channel_fail(channel, n == 0 ? UNEXPECTED_MESSAGE : DECODE_ERROR,
				    "an alert of another size");
	if (bytes[1] == CLOSE_NOTIFY) {
		channel->is_closed = true;
		return SESSION_CLOSED;
	}
	/* In TLS 1.3 the level says nothing any more. */
	if ((is_13 && bytes[1] == USER_CANCELED) || (!is_13 && bytes[0] == ALERT_WARNING))
		return SESSION_OK;
	channel->alert = bytes[1];
	return channel->failure = SESSION_ALERT;
}

static enum session_io take_key_update(struct channel *channel, struct reader body, bool is_last)
{
	uint8_t request = reader_u8(&body);

	if (!reader_ok(&body) || reader_left(&body) > 0)
		return channel_fail(channel, DECODE_ERROR, "a KeyUpdate of another size");
	if (request > 1)
		return channel_fail(channel, ILLEGAL_PARAMETER,
				    "a KeyUpdate that asks for nothing known");
	if (!is_last) /* RFC 8446 section 5.1: nothing under the old key may follow it */
		return channel_fail(channel, UNEXPECTED_MESSAGE,
				    "a KeyUpdate with something behind it");
	if (protect_update(channel->its.reads) < 0 ||
	    (channel->has_kernel_reads && channel_kernel_renew(channel) < 0) ||
	    (request == 1 && !send_key_update(channel)))
		return channel_fail(channel, INTERNAL_ERROR, "no memory");
	return channel_flush(channel, SESSION_FLUSH_WRITTEN) == SESSION_RESET ? SESSION_RESET
									      : SESSION_OK;
}

static enum session_io ask(struct channel *channel)
{
	channel->is_asked = true;
	return SESSION_WANTS_CERTIFICATE;
}

static enum session_io refuse_renegotiation(struct channel *channel)
{
	if (!send_alert(channel, ALERT_WARNING, NO_RENEGOTIATION))
		return channel_fail(channel, INTERNAL_ERROR, "no memory");
	return channel_flush(channel, SESSION_FLUSH_WRITTEN) == SESSION_RESET ? SESSION_RESET
									      : SESSION_OK;
}

static enum session_io take_message(struct channel *channel, uint8_t type, struct reader body,
				    bool is_last)
{
	const struct channel_options *its = &channel->its;

	if (its->version > TLS1_2) {
		if (type == NEW_SESSION_TICKET && its->is_upstream) {
			if (its->ticket)
				its->ticket(its->context, body);
			return SESSION_OK;
		}
		if (type == KEY_UPDATE)
			return take_key_update(channel, body, is_last);
		if (type == CERTIFICATE_REQUEST && its->is_upstream && its->may_be_asked)
			return ask(channel);
	} else if (type == HELLO_REQUEST && its->is_upstream && reader_left(&body) == 0) {
		return its->hears_late ? ask(channel) : refuse_renegotiation(channel);
	} else if (type == CLIENT_HELLO && !its->is_upstream) {
		return refuse_renegotiation(channel);
	}
	return channel_fail(channel, UNEXPECTED_MESSAGE,
			    "a message of the handshake after its end");
}

/* A request that is too large to be read is one all the same. */
static enum session_io too_large(struct channel *channel)
{
	const struct channel_options *its = &channel->its;

	if (its->version > TLS1_2 && its->is_upstream && its->may_be_asked &&
	    channel->message[0] == CERTIFICATE_REQUEST) {
		drop_message(channel);
		return ask(channel);
	}
	return channel_fail(channel, UNEXPECTED_MESSAGE, "a message that is too large");
}

static bool append_message(struct channel *channel, const uint8_t *bytes, size_t n)
{
	uint8_t *message = realloc(channel->message, channel->n_message + n);

	if (!message)
		return false;
	memcpy(message + channel->n_message, bytes, n);
	channel->message = message;
	channel->n_message += n;
	return true;
}

/* Messages may be cut into records, and records may hold several. */
static enum session_io take_handshake(struct channel *channel, const uint8_t *bytes, size_t n)
{
	if (n == 0)
		return channel_fail(channel, UNEXPECTED_MESSAGE,
				    "an empty record of the handshake");
	if (!append_message(channel, bytes, n))
		return channel_fail(channel, INTERNAL_ERROR, "no memory");
	for (;;) {
		struct reader r = reader_of(channel->message, channel->n_message);
		uint8_t type = reader_u8(&r);
		struct reader length = r, body = reader_vector(&r, 3);
		size_t left = reader_left(&r);
		enum session_io io;

		if (!reader_ok(&r))
			return reader_uint(&length, 3) > MESSAGE_MAX ? too_large(channel)
								     : SESSION_OK;
		io = take_message(channel, type, body, left == 0);
		if (io != SESSION_OK)
			return io; /* a request stays, for channel_request() */
		if (left == 0)
			break;
		memmove(channel->message, channel->message + channel->n_message - left, left);
		channel->n_message = left;
	}
	drop_message(channel);
	return SESSION_OK;
}

/* --- reading --- */

/* At most so many bytes. */
static enum session_io receive(struct channel *channel, size_t most)
{
	struct buffer *in = channel->in;
	size_t room;
	ssize_t n;

	if (!in)
		in = channel->in = buffer_borrow(channel->its.pool);
	if (!in)
		return channel_fail(channel, INTERNAL_ERROR, "no memory");
	if (in->begin > 0) {
		memmove(in->bytes, in->bytes + in->begin, in->end - in->begin);
		in->end -= in->begin;
		in->begin = 0;
	}
	room = sizeof(in->bytes) - in->end;
	n = sock_recv(channel->its.sock, in->bytes + in->end, most < room ? most : room);
	if (n > 0) {
		in->end += (size_t)n;
		return SESSION_OK;
	}
	if (in->end == 0)
		buffer_return(channel->its.pool, &channel->in);
	if (n == -EAGAIN)
		return SESSION_WAIT;
	if (n < 0)
		return channel_socket_failed(channel, (int)-n);
	channel->is_ended = true;
	return SESSION_TRUNCATED;
}

/* Up to the end of the record, or of its header, which says where that is. */
static size_t missing(size_t there, int length)
{
	return (length > 0 ? (size_t)length : PROTECT_HEADER_SIZE) - there;
}

/* Until a whole record is there. */
static enum session_io await_record(struct channel *channel, size_t *ret_length)
{
	for (;;) {
		struct buffer *in = channel->in;
		size_t there = in ? in->end - in->begin : 0;
		int length = in ? protect_length(in->bytes + in->begin, there) : 0;
		enum session_io io;

		if (length < 0)
			return channel_fail(channel, UNEXPECTED_MESSAGE, "not a record");
		if (length > PROTECT_SIZE_MAX)
			return channel_fail(channel, RECORD_OVERFLOW, "a record that is too large");
		if (length > 0 && (size_t)length <= there) {
			*ret_length = (size_t)length;
			return SESSION_OK;
		}
		io = receive(channel, channel->awaits_kernel ? missing(there, length) : SIZE_MAX);
		if (io != SESSION_OK)
			return io;
	}
}

static enum session_io take_record(struct channel *channel, uint8_t type, const uint8_t *bytes,
				   size_t n)
{
	if (++channel->idle > IDLE_RECORDS)
		return channel_fail(channel, UNEXPECTED_MESSAGE, "too many records without data");
	if (channel->n_message > 0 && type != PROTECT_HANDSHAKE)
		return channel_fail(channel, UNEXPECTED_MESSAGE, "a message that is interrupted");
	switch (type) {
	case PROTECT_DATA: /* empty */
		return SESSION_OK;
	case PROTECT_ALERT:
		return take_alert(channel, bytes, n);
	case PROTECT_HANDSHAKE:
		return take_handshake(channel, bytes, n);
	default:
		return channel_fail(channel, UNEXPECTED_MESSAGE, "a record of another type");
	}
}

static enum session_io open_record(struct channel *channel, uint8_t *bytes, uint8_t *ret_type,
				   size_t *ret_n)
{
	struct buffer *in;
	size_t length = 0;
	enum session_io io = await_record(channel, &length);

	if (io != SESSION_OK)
		return io;
	in = channel->in;
	switch (protect_open(channel->its.reads, in->bytes + in->begin, length, bytes, ret_type,
			     ret_n)) {
	case PROTECT_OPENED:
		break;
	case PROTECT_FORGED:
		return channel_fail(channel, BAD_RECORD_MAC, "a record that does not authenticate");
	case PROTECT_TOO_BIG:
		return channel_fail(channel, RECORD_OVERFLOW, "a record that is too large");
	case PROTECT_BROKEN:
		return channel_fail(channel, UNEXPECTED_MESSAGE, "a record that cannot be");
	}
	in->begin += length;
	if (in->begin == in->end)
		buffer_return(channel->its.pool, &channel->in);
	return SESSION_OK;
}

/*
 * Opens the next record, into `bytes`, which are enough for any content. *ret_n: content that is
 * data, 0 when it was something else.
 */
static enum session_io open_next(struct channel *channel, uint8_t *bytes, size_t n, size_t *ret_n)
{
	uint8_t type = 0;
	enum session_io io;

	if (channel->awaits_kernel)
		channel_kernel_take_reads(channel);
	io = channel->has_kernel_reads ? channel_kernel_open(channel, bytes, n, &type, ret_n)
				       : open_record(channel, bytes, &type, ret_n);
	if (io != SESSION_OK)
		return io;
	channel->has_spoken = true;
	if (type == PROTECT_DATA && *ret_n > 0 && channel->n_message == 0) {
		channel->idle = 0;
		return SESSION_OK;
	}
	io = take_record(channel, type, bytes, *ret_n);
	*ret_n = 0;
	return io;
}

/* After close_notify nothing counts but the FIN (RFC 8446 section 6.1). */
static enum session_io await_fin(struct channel *channel)
{
	uint8_t ignored[512], type = PROTECT_DATA;
	ssize_t n;

	buffer_return(channel->its.pool, &channel->in);
	do {
		n = channel->has_kernel_reads
			    ? kernel_recv(channel->its.sock, ignored, sizeof(ignored), &type)
			    : sock_recv(channel->its.sock, ignored, sizeof(ignored));
	} while (n > 0 || (n == 0 && channel->has_kernel_reads && type != 0));
	if (n == -EAGAIN)
		return SESSION_WAIT;
	if (n < 0)
		return channel_socket_failed(channel, (int)-n);
	channel->is_ended = true;
	return SESSION_TRUNCATED;
}

enum session_io channel_state(struct channel *channel)
{
	if (channel->failure != SESSION_OK)
		return channel->failure;
	if (channel->is_asked)
		return SESSION_WANTS_CERTIFICATE;
	if (channel->is_ended)
		return SESSION_TRUNCATED;
	return channel->is_closed ? await_fin(channel) : SESSION_OK;
}

/* Content that is kept, after which there is some, or the session waits or ends. */
static enum session_io keep_data(struct channel *channel)
{
	enum session_io io = channel_state(channel);

	while (!channel->data && io == SESSION_OK) {
		size_t n = 0;

		channel->data = buffer_borrow(channel->its.pool);
		if (!channel->data)
			return channel_fail(channel, INTERNAL_ERROR, "no memory");
		io = open_next(channel, channel->data->bytes, sizeof(channel->data->bytes), &n);
		channel->data->end = n;
		if (n == 0)
			buffer_return(channel->its.pool, &channel->data);
	}
	return io;
}

static enum session_io give_data(struct channel *channel, uint8_t *bytes, size_t n, size_t *ret_n)
{
	struct buffer *data = channel->data;
	size_t left = data->end - data->begin;

	n = n < left ? n : left;
	memcpy(bytes, data->bytes + data->begin, n);
	data->begin += n;
	if (data->begin == data->end)
		drop_data(channel);
	*ret_n = n;
	return SESSION_OK;
}

enum session_io channel_read(struct channel *channel, uint8_t *bytes, size_t n, size_t *ret_n)
{
	enum session_io io;

	if (!channel->data && n < SESSION_READ_ROOM) {
		io = keep_data(channel);
		if (io != SESSION_OK)
			return io;
	}
	if (channel->data)
		return give_data(channel, bytes, n, ret_n);
	io = channel_state(channel);
	while (io == SESSION_OK) {
		size_t length = 0;

		io = open_next(channel, bytes, n, &length);
		if (length > 0) {
			*ret_n = length;
			return SESSION_OK;
		}
	}
	return io;
}

enum session_io channel_hear(struct channel *channel)
{
	enum session_io io =
		channel_flush(channel, SESSION_FLUSH_WRITTEN); /* it answers to all that was said */

	if (io != SESSION_OK)
		return io;
	io = channel->has_spoken ? SESSION_OK : keep_data(channel);

	if (channel->failure != SESSION_OK || channel->is_asked)
		return channel_state(channel);
	return io == SESSION_WAIT && channel->has_spoken ? SESSION_OK : io;
}

/* --- facts --- */

uint8_t channel_alert(const struct channel *channel)
{
	return channel->alert;
}

const char *channel_error(const struct channel *channel)
{
	return channel->error;
}

const uint8_t *channel_request(const struct channel *channel, size_t *ret_n)
{
	struct reader r = reader_of(channel->message, channel->n_message), body;

	if (!channel->is_asked || reader_u8(&r) != CERTIFICATE_REQUEST)
		return NULL;
	body = reader_vector(&r, 3);
	*ret_n = reader_left(&body);
	return reader_ok(&body) ? body.at : NULL;
}
