/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/loop.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"

int loop_init(struct loop *loop)
{
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0)
		return -errno;
	loop->now = clock_us() / 1000;
	wheel_init(&loop->wheel, loop->now);
	return 0;
}

void loop_deinit(struct loop *loop)
{
	if (loop->epoll >= 0)
		close(loop->epoll);
	loop->epoll = -1;
}

static int watch(struct loop *loop, struct sock *sock, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = sock };

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, sock->fd, &event) < 0 ? -errno : 0;
}

int loop_watch(struct loop *loop, struct sock *sock)
{
	return watch(loop, sock, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

int loop_watch_level(struct loop *loop, struct sock *sock)
{
	return watch(loop, sock, EPOLLIN);
}

void loop_unwatch(struct loop *loop, struct sock *sock)
{
	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, sock->fd, NULL);
}

int loop_wait(struct loop *loop, struct epoll_event *events, int n, int limit)
{
	int sleep = wheel_sleep(&loop->wheel, clock_us() / 1000);
	int got;

	if (limit >= 0 && (sleep < 0 || limit < sleep))
		sleep = limit;
	got = epoll_wait(loop->epoll, events, n, sleep);
	loop->now = clock_us() / 1000;
	if (got < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < got; i++) {
		struct sock *sock = loop_event_sock(&events[i]);
		uint32_t what = events[i].events;

		if (what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			sock->readable = true;
		if (what & (EPOLLOUT | EPOLLHUP | EPOLLERR))
			sock->writable = true;
		if (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			sock->ended = true;
		if (what & (EPOLLHUP | EPOLLERR))
			sock->broken = true;
	}
	return got;
}
