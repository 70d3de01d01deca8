/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_LOOP_H
#define POSTERN_BASE_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

#include "base/sock.h"
#include "base/timer.h"

/*
 * One epoll instance with its deadlines. It calls nobody: the owner waits for a batch of events,
 * takes each apart by sock->kind in one switch, then pops what is due. What an event refers to must
 * not be freed before its batch has ended.
 */
struct loop {
	int epoll;
	struct wheel wheel;
	uint64_t now; /* ms, as of the last wait */
};

int loop_init(struct loop *loop);
void loop_deinit(struct loop *loop);

/* Watches a socket for life, edge-triggered, both ways; closing its descriptor ends it. */
int loop_watch(struct loop *loop, struct sock *sock);
/* Watches for reading only, level-triggered: for listeners and the like. */
int loop_watch_level(struct loop *loop, struct sock *sock);
/*
 * Ends that at once. Closing is not enough for a descriptor that another process has too: the
 * kernel reports it as long as anybody has it open.
 */
void loop_unwatch(struct loop *loop, struct sock *sock);

/*
 * Waits until something happens or the next deadline, at most `limit` ms when that is not negative.
 * Raises the flags of each sock it reports. The number of events, or -errno.
 */
int loop_wait(struct loop *loop, struct epoll_event *events, int n, int limit);

static inline struct sock *loop_event_sock(const struct epoll_event *event)
{
	return event->data.ptr;
}

#endif
