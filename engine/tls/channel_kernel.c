/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A channel whose records the kernel seals or opens. It decides what they mean as ever: records of
 * no data come here one by one, and go out from here; only the data may take a way of their own.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tls/channel_self.h"

enum {
	RECORD_HEADER = 3, /* in `out`: the type, the content's length */
	PATIENCE = 4096,   /* see is_done() */
};

static int set_key(struct channel *channel, bool is_writing)
{
	struct protect_state state;
	int r;

	protect_export(is_writing ? channel->its.writes : channel->its.reads, &state);
	r = kernel_set_key(channel->its.sock->fd, is_writing, &state);
	explicit_bzero(&state, sizeof(state));
	return r;
}

/* --- writing --- */

bool channel_kernel_seal(struct channel *channel, uint8_t type, const uint8_t *bytes, size_t n)
{
	struct buffer *out = channel->out.buffer;

	if (!out)
		out = channel->out.buffer = buffer_borrow(channel->its.pool);
	if (!out || sizeof(out->bytes) - out->end < RECORD_HEADER + n)
		return false;
	out->bytes[out->end++] = type;
	out->bytes[out->end++] = (uint8_t)(n >> 8);
	out->bytes[out->end++] = (uint8_t)n;
	memcpy(out->bytes + out->end, bytes, n);
	out->end += n;
	return true;
}

/* The kernel was given n bytes of content, and makes at most so many records of them. */
static void count(struct channel *channel, size_t n, uint64_t records)
{
	channel->kernel.content += n;
	protect_wear(channel->its.writes, records);
}

/* Of TLS 1.3: from now on it is the next one. */
static int renew_writes(struct channel *channel)
{
	kernel_writer_renew(&channel->kernel, channel->its.sock->fd);
	return protect_update(channel->its.writes) < 0 ? -ENOMEM : set_key(channel, true);
}

enum session_io channel_kernel_flush(struct channel *channel)
{
	struct buffer *out = channel->out.buffer;

	while (out && out->begin < out->end) {
		const uint8_t *record = out->bytes + out->begin;
		size_t n = (size_t)(record[1] << 8 | record[2]);
		ssize_t r = kernel_send(channel->its.sock, record[0], record + RECORD_HEADER, n);

		if (r == -EAGAIN)
			return SESSION_WAIT;
		if (r < 0)
			return channel_socket_failed(channel, (int)-r);
		out->begin += RECORD_HEADER + n;
		count(channel, n, 1);
		if (record[0] == PROTECT_HANDSHAKE && record[RECORD_HEADER] == KEY_UPDATE)
			r = renew_writes(channel);
		if (r < 0)
			return channel_socket_failed(channel, (int)-r);
	}
	buffer_return(channel->its.pool, &channel->out.buffer);
	return SESSION_OK;
}

enum session_io channel_kernel_write(struct channel *channel, const uint8_t *bytes, size_t n,
				     size_t *ret_n)
{
	enum session_io io = channel_kernel_flush(channel);
	ssize_t r;

	if (io != SESSION_OK)
		return io;
	r = sock_send(channel->its.sock, bytes, n);
	if (r == -EAGAIN)
		return SESSION_WAIT;
	if (r < 0)
		return channel_socket_failed(channel, (int)-r);
	count(channel, (size_t)r, (uint64_t)r / PROTECT_CONTENT_MAX + 2);
	*ret_n = (size_t)r;
	return SESSION_OK;
}

/*
 * What TCP had no room for is written by a thread of the kernel's when it has. So when poll() finds
 * room, that thread is about to run, and nothing will tell us that it did: we ask again.
 */
static bool is_done(struct channel *channel)
{
	struct sock *sock = channel->its.sock;
	struct pollfd fd = { .fd = sock->fd, .events = POLLOUT };

	if (kernel_writer_is_done(&channel->kernel, sock->fd) || channel->n_asked > PATIENCE)
		return true;
	sock->writable = poll(&fd, 1, 0) != 0;
	channel->n_asked += sock->writable;
	return false;
}

enum session_io channel_drain(struct channel *channel)
{
	return !channel->has_kernel_writes || is_done(channel) ? SESSION_OK : SESSION_WAIT;
}

/* --- reading --- */

/* As the kernel names what is wrong with a record; it keeps it for the next call as well. */
static enum session_io refused(struct channel *channel, int error)
{
	int same;
	socklen_t n = sizeof(same);

	(void)getsockopt(channel->its.sock->fd, SOL_SOCKET, SO_ERROR, &same, &n);
	switch (error) {
	case EBADMSG:
		return channel_fail(channel, BAD_RECORD_MAC, "a record that does not authenticate");
	case EMSGSIZE:
		return channel_fail(channel, RECORD_OVERFLOW, "a record that is too large");
	case EINVAL:
	case EKEYEXPIRED:
		return channel_fail(channel, UNEXPECTED_MESSAGE, "a record that cannot be");
	default:
		return channel_socket_failed(channel, error);
	}
}

enum session_io channel_kernel_open(struct channel *channel, uint8_t *bytes, size_t n,
				    uint8_t *ret_type, size_t *ret_n)
{
	ssize_t r = kernel_recv(channel->its.sock, bytes, n, ret_type);

	if (r == -EAGAIN)
		return SESSION_WAIT;
	if (r < 0)
		return refused(channel, (int)-r);
	if (*ret_type == 0) {
		channel->is_ended = true;
		return SESSION_TRUNCATED;
	}
	*ret_n = (size_t)r;
	return SESSION_OK;
}

int channel_kernel_renew(struct channel *channel)
{
	int r = set_key(channel, false);

	channel->its.sock->readable = true; /* what came meanwhile raised nothing */
	return r;
}

/* --- the way there --- */

static int attach(struct channel *channel)
{
	int r = channel->is_attached ? 0 : kernel_attach(channel->its.sock->fd);

	channel->is_attached |= r == 0;
	return r;
}

static bool is_possible(const struct channel *channel, enum kernel_tls ability)
{
	return ability == KERNEL_TLS_13 ||
	       (ability == KERNEL_TLS_12 && channel->its.version == 0x0303);
}

void channel_kernel_take_reads(struct channel *channel)
{
	int r;

	if (channel->in || channel->data || channel->n_message > 0)
		return;
	channel->awaits_kernel = false;
	r = attach(channel);
	if (r == 0)
		r = set_key(channel, false);
	channel->kernel_error = r;
	if (r < 0)
		return;
	channel->has_kernel_reads = true;
	channel->its.sock->readable = true; /* for all of a record, which is another matter */
}

int channel_read_by_kernel(struct channel *channel, enum kernel_tls ability)
{
	if (channel->has_kernel_reads || channel->kernel_error < 0)
		return channel->has_kernel_reads ? 1 : channel->kernel_error;
	if (!is_possible(channel, ability))
		return -ENOTSUP;
	if (channel_state(channel) != SESSION_OK)
		return 0;
	channel->awaits_kernel = true;
	channel_kernel_take_reads(channel);
	return channel->has_kernel_reads ? 1 : channel->kernel_error;
}

int channel_write_by_kernel(struct channel *channel, enum kernel_tls ability)
{
	struct protect_state state;
	int r;

	if (channel->has_kernel_writes)
		return 1;
	if (!is_possible(channel, ability))
		return -ENOTSUP;
	if (channel->is_notified || channel->failure != SESSION_OK ||
	    channel_flush(channel, SESSION_FLUSH_ALL) != SESSION_OK)
		return 0;
	r = attach(channel);
	if (r == 0)
		r = set_key(channel, true);
	if (r < 0)
		return r;
	protect_export(channel->its.writes, &state);
	kernel_writer_begin(&channel->kernel, channel->its.sock->fd, &state);
	explicit_bzero(&state, sizeof(state));
	channel->has_kernel_writes = true;
	return 1;
}

/* --- data that take their own way --- */

bool channel_gives_data(struct channel *channel)
{
	return channel->has_kernel_reads && !channel->data && channel->n_message == 0 &&
	       channel_state(channel) == SESSION_OK;
}

void channel_gave_data(struct channel *channel)
{
	channel->idle = 0;
	channel->has_spoken = true;
}

void channel_took_data(struct channel *channel, size_t n)
{
	count(channel, n, n / PROTECT_CONTENT_MAX + 32);
}
