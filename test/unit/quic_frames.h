/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_QUIC_FRAMES_H
#define POSTERN_TEST_QUIC_FRAMES_H

#include <string.h>

#include "test/quic_seal.h"
#include "test/unit/cmocka_all.h"
#include "tls/hello.h"

/* The hello, as a handshake message, that packets made in tests carry, and their frames. */

enum { QUIC_ROOM = 200000 };

static uint8_t hello[HELLO_MAX + 64];
static size_t n_hello;

/* Makes one with an extension of type 0xffff that brings it to `n` bytes. */
static inline void hello_make(const char *host, size_t n)
{
	size_t n_host = strlen(host), n_rest = n - 60 - n_host;
	uint8_t *at = hello;

	*at++ = 1;
	at = quic_seal_uint(at, n - 4, 3);
	at = quic_seal_uint(at, 0x0303, 2);
	memset(at, 0x77, 32);
	at += 32;
	at = quic_seal_uint(at, 0, 1); /* session id */
	at = quic_seal_uint(at, 2, 2);
	at = quic_seal_uint(at, 0x1301, 2);
	at = quic_seal_uint(at, 0x0100, 2);
	at = quic_seal_uint(at, n - 47, 2);
	at = quic_seal_uint(at, 0, 2); /* server_name */
	at = quic_seal_uint(at, n_host + 5, 2);
	at = quic_seal_uint(at, n_host + 3, 2);
	at = quic_seal_uint(at, 0, 1);
	at = quic_seal_uint(at, n_host, 2);
	memcpy(at, host, n_host);
	at += n_host;
	at = quic_seal_uint(at, 0xffff, 2);
	at = quic_seal_uint(at, n_rest, 2);
	memset(at, 0x33, n_rest);
	at += n_rest;
	n_hello = (size_t)(at - hello);
	assert_int_equal(n_hello, n);
}

static uint8_t payload[QUIC_ROOM];
static size_t n_payload;

static inline void payload_put(const void *bytes, size_t n)
{
	assert_true(n_payload + n <= sizeof(payload));
	memcpy(payload + n_payload, bytes, n);
	n_payload += n;
}

static inline void put_crypto_bytes(size_t offset, const uint8_t *bytes, size_t n)
{
	uint8_t head[9] = { 0x06 };

	quic_seal_varint(quic_seal_varint(head + 1, offset), n);
	payload_put(head, sizeof(head));
	payload_put(bytes, n);
}

static inline void put_crypto(size_t offset, size_t n)
{
	put_crypto_bytes(offset, hello + offset, n);
}

static inline void put_padding(size_t n)
{
	assert_true(n_payload + n <= sizeof(payload));
	memset(payload + n_payload, 0, n);
	n_payload += n;
}

#endif
