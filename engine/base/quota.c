/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/quota.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* A full table must be an answer, not an abort(). */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

struct bucket {
	UT_hash_handle hh;
	uint8_t client[9]; /* family's length, address or /64 */
	uint64_t filled;   /* when it was looked at last */
	double tokens;
};

void quota_init(struct quota *quota, uint64_t time)
{
	quota->time = time;
	pthread_mutex_init(&quota->lock, NULL);
	quota->buckets = NULL;
}

static void drop(struct quota *quota, struct bucket *bucket)
{
	HASH_DEL(quota->buckets, bucket);
	free(bucket);
}

void quota_deinit(struct quota *quota)
{
	while (quota->buckets)
		drop(quota, quota->buckets);
	pthread_mutex_destroy(&quota->lock);
}

static void client_key(const union addr *client, uint8_t key[9])
{
	size_t n;
	const uint8_t *bytes = addr_bytes(client, &n);

	memset(key, 0, 9);
	key[0] = (uint8_t)n;
	if (bytes)
		memcpy(key + 1, bytes, n == 4 ? 4 : 8);
}

static bool add(struct quota *quota, struct bucket *bucket)
{
	HASH_ADD(hh, quota->buckets, client, sizeof(bucket->client), bucket);
	if (bucket->hh.tbl)
		return true;
	free(bucket); /* uthash could not grow */
	return false;
}

/* The client's bucket, now the last in the order. */
static struct bucket *bucket_of(struct quota *quota, const union addr *client, unsigned most,
				uint64_t now)
{
	struct bucket *bucket;
	uint8_t key[9];

	client_key(client, key);
	HASH_FIND(hh, quota->buckets, key, sizeof(key), bucket);
	if (bucket) {
		HASH_DEL(quota->buckets, bucket);
		return add(quota, bucket) ? bucket : NULL;
	}
	if (HASH_COUNT(quota->buckets) >= QUOTA_CLIENTS)
		drop(quota, quota->buckets);
	bucket = calloc(1, sizeof(*bucket));
	if (!bucket)
		return NULL;
	memcpy(bucket->client, key, sizeof(key));
	bucket->tokens = most;
	bucket->filled = now;
	return add(quota, bucket) ? bucket : NULL;
}

static bool bucket_take(struct bucket *bucket, unsigned most, uint64_t time, uint64_t now)
{
	if (now > bucket->filled)
		bucket->tokens += (double)(now - bucket->filled) / (double)time * most;
	if (bucket->tokens > most)
		bucket->tokens = most;
	bucket->filled = now;
	if (bucket->tokens < 1)
		return false;
	bucket->tokens -= 1;
	return true;
}

bool quota_take(struct quota *quota, const union addr *client, unsigned most, uint64_t now)
{
	struct bucket *bucket;
	bool has_one;

	pthread_mutex_lock(&quota->lock);
	bucket = bucket_of(quota, client, most, now);
	has_one = !bucket || bucket_take(bucket, most, quota->time, now);
	pthread_mutex_unlock(&quota->lock);
	return has_one;
}
