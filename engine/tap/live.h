/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_LIVE_H
#define POSTERN_TAP_LIVE_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"

/*
 * PCAP-over-IP: whoever connects is sent a capture file that does not end. A client that is slow
 * loses packets, whole ones, which are counted; nobody waits for it.
 */
struct live;

enum {
	LIVE_CLIENTS = 16,
	LIVE_FDS = 1 + LIVE_CLIENTS,
};

/* 0 or -errno. */
int live_new(const struct endpoint *endpoint, struct live **ret_live);
void live_free(struct live *live);

/* What is to be waited for; all of `fds` is filled, -1 where there is nothing. */
void live_fds(struct live *live, struct pollfd fds[LIVE_FDS]);
/* New clients, who are sent the header; those who are gone; and what waits to be sent. */
void live_serve(struct live *live, const struct pollfd fds[LIVE_FDS], const uint8_t *header,
		size_t n_header);
/* Whole packets, to every client. */
void live_write(struct live *live, const uint8_t *bytes, size_t n, unsigned packets);

/* Another engine listens: no new clients, those who are there stay. */
void live_leave(struct live *live);

unsigned live_clients(const struct live *live);
/* Packets, so far, counted for each client by itself. */
uint64_t live_lost(const struct live *live);

#endif
