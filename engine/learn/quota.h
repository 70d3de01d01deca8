/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_QUOTA_H
#define POSTERN_LEARN_QUOTA_H

#include <pthread.h>
#include <stdbool.h>

#include "base/addr.h"

/*
 * How many new entries a client may cause: a bucket for each that holds one hour's worth and fills
 * again in one hour. An IPv6 client is its /64. Any thread may call.
 */
struct quota {
	pthread_mutex_t lock;
	struct bucket *buckets; /* in the order of use */
};

enum { QUOTA_CLIENTS = 65536 }; /* the one that waited longest makes room */

void quota_init(struct quota *quota);
void quota_deinit(struct quota *quota);

/* Takes one. False: the client has none left. Without memory everybody has. */
bool quota_take(struct quota *quota, const union addr *client, unsigned per_hour, uint64_t now);

#endif
