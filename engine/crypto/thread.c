/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/thread.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

enum {
	N_CIPHERS = AEAD_CHACHA20_POLY1305 + 1,
	N_GROUPS = 3, /* P-256, P-384, P-521 */
};

struct thread {
	BN_CTX *bn;
	EVP_CIPHER *ciphers[N_CIPHERS];
	EC_GROUP *groups[N_GROUPS];
};

static const char *const cipher_names[N_CIPHERS] = {
	[AEAD_AES_128_GCM] = "AES-128-GCM",
	[AEAD_AES_192_GCM] = "AES-192-GCM",
	[AEAD_AES_256_GCM] = "AES-256-GCM",
	[AEAD_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_prepared;
static pthread_key_t key; /* frees what a thread leaves behind */
static _Thread_local struct thread *own;

static void thread_free(void *object)
{
	struct thread *thread = object;

	BN_CTX_free(thread->bn); /* which wipes the numbers that it lent */
	for (unsigned i = 0; i < N_CIPHERS; i++)
		EVP_CIPHER_free(thread->ciphers[i]);
	for (unsigned i = 0; i < N_GROUPS; i++)
		EC_GROUP_free(thread->groups[i]);
	free(thread);
	own = NULL;
}

static void prepare(void)
{
	/* libsodium chooses what this processor is fastest with; libcrypto has done so. */
	is_prepared = sodium_init() >= 0 && pthread_key_create(&key, thread_free) == 0;
}

struct thread *thread_own(void)
{
	struct thread *thread = own;

	if (thread)
		return thread;
	thread = pthread_once(&once, prepare) == 0 && is_prepared ? calloc(1, sizeof(*thread))
								  : NULL;
	if (!thread)
		return NULL;
	thread->bn = BN_CTX_new();
	if (!thread->bn || pthread_setspecific(key, thread) != 0) {
		thread_free(thread);
		return NULL;
	}
	own = thread;
	return thread;
}

const EVP_CIPHER *thread_cipher(struct thread *thread, enum aead_kind kind)
{
	if (!thread->ciphers[kind])
		thread->ciphers[kind] = EVP_CIPHER_fetch(NULL, cipher_names[kind], NULL);
	return thread->ciphers[kind];
}

const EC_GROUP *thread_group(struct thread *thread, int nid)
{
	for (unsigned i = 0; i < N_GROUPS; i++) {
		if (!thread->groups[i])
			thread->groups[i] = EC_GROUP_new_by_curve_name(nid);
		if (!thread->groups[i] || EC_GROUP_get_curve_name(thread->groups[i]) == nid)
			return thread->groups[i];
	}
	return NULL;
}

BN_CTX *thread_bn(struct thread *thread)
{
	return thread->bn;
}
