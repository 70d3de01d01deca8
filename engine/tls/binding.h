/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_BINDING_H
#define POSTERN_TLS_BINDING_H

#include <mbedtls/sha256.h>
#include <stdbool.h>

#include "tls/hello.h"

/*
 * A digest of all that has to be the same when a session is resumed. Private to this folder.
 */
struct binding {
	mbedtls_sha256_context sha256;
	bool is_sound;
};

enum { BINDING_SIZE = 32 };

void binding_start(struct binding *binding);
/* Each with its length: what is added in two pieces is not the same as in one. */
void binding_add(struct binding *binding, const void *bytes, size_t n);
/* Without GREASE, which differs each time. */
void binding_add_list(struct binding *binding, const struct hello_list *list);
/* False: the digest failed at some point. */
bool binding_finish(struct binding *binding, uint8_t ret_digest[BINDING_SIZE]);

#endif
