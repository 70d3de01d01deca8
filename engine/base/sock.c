/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/sock.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static ssize_t receive(struct sock *sock, void *bytes, size_t n, int flags)
{
	ssize_t r;

	if (!sock->readable)
		return -EAGAIN;
	do {
		r = recv(sock->fd, bytes, n, flags);
	} while (r < 0 && errno == EINTR);
	if (r >= 0)
		return r;
	if (errno == EAGAIN)
		sock->readable = false;
	return -errno;
}

ssize_t sock_recv(struct sock *sock, void *bytes, size_t n)
{
	return receive(sock, bytes, n, 0);
}

ssize_t sock_peek(struct sock *sock, void *bytes, size_t n)
{
	return receive(sock, bytes, n, MSG_PEEK);
}

static ssize_t transmit(struct sock *sock, const void *bytes, size_t n, int flags)
{
	ssize_t r;

	if (!sock->writable)
		return -EAGAIN;
	do {
		r = send(sock->fd, bytes, n, MSG_NOSIGNAL | flags);
	} while (r < 0 && errno == EINTR);
	if (r >= 0)
		return r;
	if (errno == EAGAIN)
		sock->writable = false;
	return -errno;
}

ssize_t sock_send(struct sock *sock, const void *bytes, size_t n)
{
	return transmit(sock, bytes, n, 0);
}

ssize_t sock_send_more(struct sock *sock, const void *bytes, size_t n)
{
	return transmit(sock, bytes, n, MSG_MORE);
}

void sock_close(struct sock *sock)
{
	if (sock->fd < 0)
		return;
	close(sock->fd);
	/* Another event of the same batch may still name it, and goes by the kind. */
	*sock = (struct sock){ .fd = -1, .kind = sock->kind };
}

void sock_reset(struct sock *sock)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (sock->fd < 0)
		return;
	(void)setsockopt(sock->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	sock_close(sock);
}
