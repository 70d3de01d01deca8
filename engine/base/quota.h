/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_QUOTA_H
#define POSTERN_BASE_QUOTA_H

#include <pthread.h>
#include <stdbool.h>

#include "base/addr.h"

/*
 * How much a client may cause in some time: a bucket for each that holds that time's worth, and
 * fills again in it. An IPv6 client is its /64. Any thread may call.
 */
struct quota {
	pthread_mutex_t lock;
	uint64_t time;          /* us */
	struct bucket *buckets; /* in the order of use */
};

enum { QUOTA_CLIENTS = 65536 }; /* the one that waited longest makes room */

void quota_init(struct quota *quota, uint64_t time);
void quota_deinit(struct quota *quota);

/* Takes one of `most`. False: the client has none left. Without memory everybody has. `now`: us. */
bool quota_take(struct quota *quota, const union addr *client, unsigned most, uint64_t now);

#endif
