/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "tap/journal.h"
#include "tap/output.h"

/* --- streams --- */

/* A collector says nothing but that it is gone, which a first send would not notice. */
static bool has_gone(int fd)
{
	char heard[256];
	ssize_t n;

	do {
		n = recv(fd, heard, sizeof(heard), MSG_DONTWAIT);
	} while (n > 0);
	return n == 0;
}

static ssize_t write_some(const struct output *output, const char *bytes, size_t n)
{
	struct pollfd ready = { .fd = output->fd, .events = POLLOUT };

	if (output->is_socket)
		return send(output->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (output->is_regular)
		return write(output->fd, bytes, n);
	/* A pipe, perhaps one that others write to: what fits now, and of each line at once. */
	if (poll(&ready, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(output->fd, bytes, n < PIPE_BUF ? n : PIPE_BUF);
}

static int send_stream(struct output *output)
{
	struct outgoing *outgoing = &output->outgoing;

	if (output->is_socket && outgoing->sent < outgoing->n && has_gone(output->fd))
		return -EPIPE;
	while (outgoing->sent < outgoing->n) {
		size_t end = output->is_socket || output->is_regular
				     ? outgoing->n
				     : outgoing->ends[outgoing->done];
		ssize_t n =
			write_some(output, outgoing->bytes + outgoing->sent, end - outgoing->sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EWOULDBLOCK ? -EAGAIN : -errno;
		outgoing_advance(outgoing, (size_t)n);
		output->size += (uint64_t)n;
	}
	return 0;
}

/* --- datagrams --- */

/* 0 or -errno. */
static int send_one(struct output *output, const char *bytes, size_t n)
{
	if (send(output->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return 0;
	if (errno == EMSGSIZE && output->options.kind == OUTPUT_JOURNAL)
		return journal_send_large(output->fd, bytes, n);
	return errno == EWOULDBLOCK || errno == ENOBUFS ? -EAGAIN : -errno;
}

static int send_datagrams(struct output *output)
{
	struct outgoing *outgoing = &output->outgoing;

	while (outgoing->done < outgoing->count) {
		size_t at = outgoing_at(outgoing), n = outgoing->ends[outgoing->done] - at;
		int r = send_one(output, outgoing->bytes + at, n);

		if (r == -EMSGSIZE) { /* it never will be small enough */
			output->n_missed++;
			output_note_missed(output, 1);
			r = 0;
		}
		if (r < 0)
			return r;
		outgoing_advance(outgoing, at + n - outgoing->sent);
	}
	return 0;
}

int output_send(struct output *output)
{
	int type = SOCK_STREAM;
	socklen_t n = sizeof(type);

	if (output->is_socket)
		(void)getsockopt(output->fd, SOL_SOCKET, SO_TYPE, &type, &n);
	return type == SOCK_DGRAM ? send_datagrams(output) : send_stream(output);
}
