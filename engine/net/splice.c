/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SHARE = 16,        /* pipes one direction may move before others have their turn */
	CHUNK = 64 * 1024, /* a pipe's default size; more was measured to give nothing */
	/* From here on it is no handshake any more, and no small request. */
	COPIED_FIRST = 32 * 1024,
};

static void pipe_close(struct pipe *pipe)
{
	close(pipe->read);
	close(pipe->write);
}

void pipe_pool_deinit(struct pipe_pool *pool)
{
	while (pool->n > 0)
		pipe_close(&pool->spare[--pool->n]);
}

/* False: out of descriptors. */
static bool pipe_is_at_hand(const struct splice *splice, struct pipe_pool *pool)
{
	int fds[2];

	if (splice->has_pipe || pool->n > 0)
		return true;
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
		return false;
	pool->spare[pool->n++] = (struct pipe){ .read = fds[0], .write = fds[1] };
	return true;
}

/* One that is at hand. */
static void pipe_borrow(struct splice *splice, struct pipe_pool *pool)
{
	if (!splice->has_pipe)
		splice->pipe = pool->spare[--pool->n];
	splice->has_pipe = true;
}

static void pipe_return(struct splice *splice, struct pipe_pool *pool)
{
	if (!splice->has_pipe)
		return;
	if (splice->in_pipe == 0 && pool->n < sizeof(pool->spare) / sizeof(pool->spare[0]))
		pool->spare[pool->n++] = splice->pipe;
	else
		pipe_close(&splice->pipe);
	splice->has_pipe = false;
	splice->in_pipe = 0;
}

void splice_deinit(struct splice *splice, struct pipe_pool *pool)
{
	pipe_return(splice, pool);
}

/* Moves up to n bytes; clears *ready when the socket's side would block. */
static ssize_t move(int from, int to, size_t n, bool *ready)
{
	ssize_t r;

	if (!*ready)
		return -EAGAIN;
	do {
		r = splice(from, NULL, to, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	} while (r < 0 && errno == EINTR);
	if (r >= 0)
		return r;
	if (errno == EAGAIN)
		*ready = false;
	return -errno;
}

/* How much of n bytes may be read. */
static size_t allowed(const struct splice *splice, size_t n)
{
	uint64_t left = splice->limit - splice->bytes;

	return splice->is_limited && left < n ? (size_t)left : n;
}

/*
 * The pipe is filled only when it is empty. So a splice into it can never find it full, and EAGAIN
 * always speaks of the socket.
 */
static enum splice_result fill(struct splice *splice, struct pipe_pool *pool, struct sock *from,
			       int *ret_errno)
{
	size_t n = allowed(splice, CHUNK);
	ssize_t r;

	if (splice->in_pipe > 0 || splice->is_ended || !from->readable)
		return SPLICE_WAIT;
	if (n == 0)
		return SPLICE_WAIT;
	pipe_borrow(splice, pool);
	r = move(from->fd, splice->pipe.write, n, &from->readable);
	if (r < 0 && r != -EAGAIN) {
		*ret_errno = (int)-r;
		return SPLICE_READ_ERROR;
	}
	splice->is_ended = r == 0;
	splice->in_pipe = r > 0 ? (size_t)r : 0;
	return SPLICE_WAIT;
}

static enum splice_result drain(struct splice *splice, struct sock *to, int *ret_errno)
{
	while (splice->in_pipe > 0) {
		ssize_t r = move(splice->pipe.read, to->fd, splice->in_pipe, &to->writable);

		if (r == -EAGAIN)
			return SPLICE_WAIT;
		if (r < 0) {
			*ret_errno = (int)-r;
			return SPLICE_WRITE_ERROR;
		}
		splice->in_pipe -= (size_t)r;
		splice->bytes += (uint64_t)r;
	}
	return SPLICE_AGAIN;
}

/* What could not be written goes on by the pipe, which is empty and so has room for it. */
static void keep(struct splice *splice, struct pipe_pool *pool, const uint8_t *bytes, size_t n)
{
	if (n == 0)
		return;
	pipe_borrow(splice, pool);
	splice->in_pipe = (size_t)write(splice->pipe.write, bytes, n);
}

/* Takes what was peeked at, and written, from the socket. */
static void discard(struct sock *from, size_t n)
{
	if (n > 0)
		(void)recv(from->fd, NULL, n, MSG_TRUNC | MSG_DONTWAIT);
}

/* When that is all there is, and the FIN behind it is there, too, both go out together. */
static ssize_t write_on(const struct sock *from, struct sock *to, const uint8_t *bytes, size_t n,
			size_t most)
{
	return from->ended && n < most ? sock_send_more(to, bytes, n) : sock_send(to, bytes, n);
}

/*
 * Copies once. SPLICE_AGAIN: there may be more. A read that is short has emptied the socket; what
 * comes later raises its flag again, but not a FIN that is there already.
 */
static enum splice_result copy(struct splice *splice, struct pipe_pool *pool, struct sock *from,
			       struct sock *to, uint8_t *scratch, int *ret_errno)
{
	bool is_taken = pipe_is_at_hand(splice, pool);
	size_t most = allowed(splice, SPLICE_SCRATCH);
	ssize_t n = -EAGAIN, sent;

	if (most > 0)
		n = is_taken ? sock_recv(from, scratch, most) : sock_peek(from, scratch, most);
	if (n == -EAGAIN)
		return SPLICE_WAIT;
	if (n < 0) {
		*ret_errno = (int)-n;
		return SPLICE_READ_ERROR;
	}
	splice->is_ended = n == 0;
	if (n == 0)
		return SPLICE_WAIT;
	sent = write_on(from, to, scratch, (size_t)n, most);
	if (sent < 0 && sent != -EAGAIN) {
		*ret_errno = (int)-sent;
		return SPLICE_WRITE_ERROR;
	}
	sent = sent > 0 ? sent : 0;
	if ((size_t)n < most && !from->ended && (is_taken || sent == n))
		from->readable = false;
	splice->bytes += (uint64_t)sent;
	if (is_taken)
		keep(splice, pool, scratch + sent, (size_t)(n - sent));
	else
		discard(from, (size_t)sent);
	return sent == n ? SPLICE_AGAIN : SPLICE_WAIT;
}

static enum splice_result finish(struct splice *splice, struct sock *to)
{
	if (!splice->is_ended)
		return SPLICE_WAIT;
	if (!splice->is_shut)
		(void)shutdown(to->fd, SHUT_WR);
	splice->is_shut = true;
	return SPLICE_ENDED;
}

static bool is_to_be_copied(const struct splice *splice, struct pipe_pool *pool)
{
	return splice->in_pipe == 0 && !splice->is_ended &&
	       (splice->bytes < COPIED_FIRST || !pipe_is_at_hand(splice, pool));
}

enum splice_result splice_move(struct splice *splice, struct pipe_pool *pool, struct sock *from,
			       struct sock *to, uint8_t *scratch, int *ret_errno)
{
	for (unsigned i = 0; i < SHARE; i++) {
		enum splice_result result;

		if (is_to_be_copied(splice, pool)) {
			result = copy(splice, pool, from, to, scratch, ret_errno);
			if (result == SPLICE_AGAIN)
				continue;
		} else {
			result = fill(splice, pool, from, ret_errno);
		}
		if (result != SPLICE_WAIT)
			return result;
		if (splice->in_pipe == 0) {
			pipe_return(splice, pool);
			return finish(splice, to);
		}
		result = drain(splice, to, ret_errno);
		if (result != SPLICE_AGAIN)
			return result;
	}
	return SPLICE_AGAIN;
}

enum splice_result splice_pour(struct splice *splice, struct pipe_pool *pool, struct sock *from,
			       struct sock *to, int *ret_errno)
{
	for (unsigned i = 0; i < SHARE; i++) {
		enum splice_result result;

		if (!pipe_is_at_hand(splice, pool)) {
			*ret_errno = EMFILE;
			return SPLICE_READ_ERROR;
		}
		result = fill(splice, pool, from, ret_errno);
		if (splice->is_ended)
			result = SPLICE_ENDED;
		splice->is_ended = false;
		if (splice->in_pipe == 0) {
			pipe_return(splice, pool);
			return result;
		}
		result = drain(splice, to, ret_errno);
		if (result != SPLICE_AGAIN)
			return result;
	}
	return SPLICE_AGAIN;
}
