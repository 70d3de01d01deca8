/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_REDIRECTS_H
#define POSTERN_CONN_REDIRECTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Which clients were sent back to which URL a moment ago, so that none is sent in circles. A small
 * table that forgets: a new one takes an old one's place. All zero is empty and ready.
 */
enum { REDIRECTS_SLOTS = 1024, REDIRECTS_MS = 15000 };

struct redirects {
	atomic_uint_fast64_t slots[REDIRECTS_SLOTS];
};

/*
 * Whether to redirect over a connection that began at `started`. `key` is a hash of client and URL.
 * False: this was done less than REDIRECTS_MS ago, and the connection began after that; those that
 * began before are of the client's store, and no more come into it. Moments are in ms, of a clock
 * that is never set. Any thread.
 */
bool redirects_allow(struct redirects *redirects, uint64_t key, uint64_t started, uint64_t now);

#endif
