/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_OBSERVER_H
#define POSTERN_CLI_OBSERVER_H

#include <stddef.h>
#include <stdint.h>

#include "cli/hosts.h"

/* From packets to hosts: tap/streams puts connections together, tls/sighting reads them. */
struct observer {
	struct hosts *hosts; /* borrowed */
	uint16_t port;       /* of servers; 0: every port on which a hello is seen */
	struct streams *streams;
	uint64_t packets;     /* IP packets, of whatever kind */
	uint64_t connections; /* that began with a whole hello */
	uint64_t unreadable;  /* that began as TLS, and could not be read */
	uint64_t left_out;    /* beyond HOSTS_MAX hosts */
};

/* 0 or -ENOMEM; so the others. */
int observer_init(struct observer *observer, struct hosts *hosts, uint16_t port);
void observer_deinit(struct observer *observer);

/* An IP packet; what it holds of a connection is remembered. */
int observer_packet(struct observer *observer, const uint8_t *bytes, size_t n);

/* No more packets will come: all that is known counts. */
int observer_finish(struct observer *observer);

#endif
