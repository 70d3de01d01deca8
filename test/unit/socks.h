/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_SOCKS_H
#define POSTERN_TEST_SOCKS_H

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sock.h"

/* Two ends of a TCP connection over loopback, non-blocking. */
static inline void socks_tcp_pair(int fds[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&at, n), 0);
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(fds[1] >= 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	for (unsigned i = 0; i < 2; i++) /* as the engine's own sockets are */
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	close(listener);
}

/* Waits until there is something to read, the end included. */
static inline void socks_await(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&poll_fd, 1, 5000), 1);
}

/* Whether there is something to read now, the end included. */
static inline bool socks_has_more(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) > 0;
}

/* Raises the flags that the loop would raise; true when one was raised. */
static inline bool socks_raise(struct sock *sock)
{
	struct pollfd poll_fd = { .fd = sock->fd, .events = POLLIN | POLLOUT | POLLRDHUP };
	struct sock before = *sock;

	if (poll(&poll_fd, 1, 0) <= 0)
		return false;
	sock->readable |= (poll_fd.revents & (POLLIN | POLLRDHUP | POLLHUP | POLLERR)) != 0;
	sock->writable |= (poll_fd.revents & (POLLOUT | POLLHUP | POLLERR)) != 0;
	sock->ended |= (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
	sock->broken |= (poll_fd.revents & (POLLHUP | POLLERR)) != 0;
	return sock->readable > before.readable || sock->writable > before.writable;
}

/* Descriptors open in this process. */
static inline unsigned socks_count_open(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

#endif
