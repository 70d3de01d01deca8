/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_SOCK_H
#define POSTERN_BASE_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A non-blocking descriptor as the loop watches it. It is registered once, edge-triggered, and the
 * edges are kept here: an event raises `readable` or `writable`, a call that would have blocked
 * lowers it. So interest never has to be changed, and nobody calls the kernel to hear EAGAIN twice.
 */
struct sock {
	int fd;       /* -1: none */
	uint8_t kind; /* the owner's own tag, for the switch that takes events apart */
	bool readable;
	bool writable;
	bool ended;  /* the peer will send no more (FIN, or worse) */
	bool broken; /* reset, or shut both ways */
};

#define SOCK_NONE ((struct sock){ .fd = -1 })

/*
 * As recv(2), send(2) and recv(2) with MSG_PEEK, with -errno for an error; -EAGAIN lowers the flag,
 * and is answered without a system call while it is down. Never raise SIGPIPE. recv: 0 is the end.
 */
ssize_t sock_recv(struct sock *sock, void *bytes, size_t n);
ssize_t sock_send(struct sock *sock, const void *bytes, size_t n);
ssize_t sock_peek(struct sock *sock, void *bytes, size_t n);
/*
 * As sock_send(), when more is known to follow at once, bytes or the FIN: all of it leaves in one
 * segment if it can. What does not fill one waits for that, at most 200 ms (MSG_MORE in send(2)).
 */
ssize_t sock_send_more(struct sock *sock, const void *bytes, size_t n);

/* There is none any more; its kind stays. */
void sock_close(struct sock *sock);
/* Closes so that the other end sees a reset, and no TIME_WAIT is left here. */
void sock_reset(struct sock *sock);

#endif
