/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_NET_SPLICE_H
#define POSTERN_NET_SPLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sock.h"

/*
 * One direction of a passed connection: socket to pipe to socket by splice(2), so that no byte
 * enters this process. Its beginning, a handshake and a few small requests, is copied instead: that
 * takes fewer calls, and cheaper ones. The pipe is lent from a pool only while bytes are in it: an
 * idle connection costs its two sockets and nothing else. When no pipe can be had, all is copied,
 * and what cannot be written yet stays in the socket that it came from. splice(2) may raise
 * SIGPIPE: the caller blocks it.
 */

struct pipe {
	int read;
	int write;
};

/* Spare pipes of one loop. All zero is empty and ready. */
struct pipe_pool {
	struct pipe spare[64];
	unsigned n;
};

void pipe_pool_deinit(struct pipe_pool *pool);

struct splice {
	struct pipe pipe;
	bool has_pipe;
	size_t in_pipe; /* bytes read and not yet written */
	bool is_ended;  /* the reading side has seen the end */
	bool is_shut;   /* and it was told to the writing side */
	uint64_t bytes; /* written, in all */
	bool is_limited;
	uint64_t limit; /* then: bytes that may be read, in all */
};

enum splice_result {
	SPLICE_WAIT,       /* nothing to do until an event */
	SPLICE_AGAIN,      /* the share of this turn is used up */
	SPLICE_ENDED,      /* everything was carried over, the end included */
	SPLICE_READ_ERROR, /* *ret_errno: of the reading side */
	SPLICE_WRITE_ERROR,
};

/* `scratch` has room for SPLICE_SCRATCH bytes and means nothing before and after. */
enum { SPLICE_SCRATCH = 16384 };
enum splice_result splice_move(struct splice *splice, struct pipe_pool *pool, struct sock *from,
			       struct sock *to, uint8_t *scratch, int *ret_errno);

/*
 * The same by a pipe alone, of sockets whose bytes the kernel opens and seals (tls/kernel.h): it
 * moves no other records than data, and an end may be none. SPLICE_READ_ERROR, SPLICE_ENDED: the
 * caller looks what comes next, and the pipe is empty.
 */
enum splice_result splice_pour(struct splice *splice, struct pipe_pool *pool, struct sock *from,
			       struct sock *to, int *ret_errno);

/* Gives the pipe back; with bytes in it, it is closed instead. */
void splice_deinit(struct splice *splice, struct pipe_pool *pool);

#endif
