/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_TICKETS_H
#define POSTERN_TLS_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The tickets with which clients of ours resume: RFC 5077 in TLS 1.2, RFC 8446 section 4.6.1 in TLS
 * 1.3. A ticket is a session of the library's, sealed by AES-256-GCM under a key that never leaves
 * this process, together with a binding: it opens only for who presents the same binding. Shared by
 * all threads.
 */
struct tickets;

enum {
	TICKETS_LIFE_MS = 3600000, /* of a ticket; a key seals for as long, and opens for twice */
	TICKETS_BINDING = 32,
	TICKETS_OVERHEAD = 44, /* name of the key 8, nonce 12, time 8, tag 16 */
	TICKETS_SESSION_MAX = 512,
};

/* `now` as in all of these: ms, monotonic. NULL: no memory, or no random numbers. */
struct tickets *tickets_new(uint64_t now);
void tickets_free(struct tickets *tickets);

/* To be called now and then: makes a new key when it is time, and wipes the one before the last. */
void tickets_rotate(struct tickets *tickets, uint64_t now);

/*
 * Seals n bytes, at most TICKETS_SESSION_MAX; `ret_ticket` has room for n + TICKETS_OVERHEAD.
 * False: too many, or the cipher failed.
 */
bool tickets_seal(struct tickets *tickets, const uint8_t binding[TICKETS_BINDING], uint64_t now,
		  const uint8_t *bytes, size_t n, uint8_t *ret_ticket);

/* False: whatever the reason, it is none of ours, for this binding and this time. */
bool tickets_open(struct tickets *tickets, const uint8_t binding[TICKETS_BINDING], uint64_t now,
		  const uint8_t *ticket, size_t n, uint8_t ret_bytes[TICKETS_SESSION_MAX],
		  size_t *ret_n);

/* What the library's two callbacks are given. */
struct tickets_use {
	struct tickets *tickets; /* borrowed */
	uint8_t binding[TICKETS_BINDING];
};

struct mbedtls_ssl_session;
/* mbedtls_ssl_ticket_write_t and mbedtls_ssl_ticket_parse_t; `use` is a struct tickets_use. */
int tickets_write(void *use, const struct mbedtls_ssl_session *session, uint8_t *begin,
		  const uint8_t *end, size_t *ret_n, uint32_t *ret_lifetime);
int tickets_parse(void *use, struct mbedtls_ssl_session *session, uint8_t *ticket, size_t n);

#endif
