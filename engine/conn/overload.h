/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_OVERLOAD_H
#define POSTERN_CONN_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

struct conn;

/*
 * An engine with more work than processor time comes to its connections ever later, until their
 * clients have given up and the work was for nothing. How late it is, the kernel knows: it notes
 * when a client's bytes came. So each connection can be judged for itself, by how long its hello
 * has waited, in the backlog of the listener and since.
 */
struct overload {
	uint64_t n;    /* that were shed since it was said */
	uint64_t said; /* ms; 0: never */
};

/* Whether its hello, which is read now, has waited for longer than the owner wants. */
bool overload_is_late(struct conn *c);

#endif
