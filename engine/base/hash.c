/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/hash.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

static uint8_t key[crypto_shorthash_KEYBYTES];

static void key_make(void)
{
	randombytes_buf(key, sizeof(key));
}

uint64_t hash_bytes(const void *bytes, size_t n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint8_t digest[crypto_shorthash_BYTES];
	uint64_t value;

	pthread_once(&once, key_make);
	crypto_shorthash(digest, bytes, n, key);
	memcpy(&value, digest, sizeof(value));
	return value;
}
