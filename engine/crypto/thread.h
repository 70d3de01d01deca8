/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CRYPTO_THREAD_H
#define POSTERN_CRYPTO_THREAD_H

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "crypto/aead.h"

/*
 * What libcrypto is slow to set up and any number of operations can use one after the other. Each
 * thread has its own, made at its first need and freed when the thread ends.
 */
struct thread;

/* NULL: no memory. */
struct thread *thread_own(void);

/* Borrowed. NULL when libcrypto does not have it. */
const EVP_CIPHER *thread_cipher(struct thread *thread, enum aead_kind kind);
const EC_GROUP *thread_group(struct thread *thread, int nid);
BN_CTX *thread_bn(struct thread *thread);

#endif
