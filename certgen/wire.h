/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_WIRE_H
#define POSTERN_CERTGEN_WIRE_H

#include "certgen/client.h"

/*
 * The messages between engine and certgen, one per SOCK_SEQPACKET record; integers big-endian, a
 * vector is its length and then its bytes:
 *
 *   every message  u8 version, u8 type
 *   KEYS           u16 vector EC, u16 vector RSA (SubjectPublicKeyInfo, DER); first on each socket
 *   REQUEST        u32 id, u8 kind, u8 key, u8 vector client (an address: 0, 4 or 16 bytes),
 *                  u8 vector host, u24 vector leaf
 *   ANSWER         u32 id, u8 status, u8 vector why (ASCII; may be empty when OK),
 *                  u24 vector chain (u24 vectors of DER; empty unless OK)
 *
 * Parsing accepts exactly this: an unknown value, an empty key or leaf, a NUL in the host, or a
 * byte too many is -EBADMSG. What a parser returns points into the message.
 */

enum {
	WIRE_VERSION = 2,
	WIRE_REQUEST_HEAD_MAX = 2 + 4 + 1 + 1 + 1 + 16 + CERTGEN_HOST_MAX + 3,
	WIRE_ANSWER_HEAD_MAX = 2 + 4 + 1 + CERTGEN_WHY_MAX + 3,
	WIRE_CERTIFICATE_HEAD = 3,
	WIRE_SPKI_MAX = 1024,
	WIRE_KEYS_MAX = 2 + 2 * (2 + WIRE_SPKI_MAX),
	WIRE_KEY_KINDS = CERTGEN_KEY_RSA + 1,
};

enum wire_type {
	WIRE_KEYS = 1,
	WIRE_REQUEST,
	WIRE_ANSWER,
};

/* Public keys, indexed by enum certgen_key. */
struct wire_keys {
	struct {
		const uint8_t *der;
		size_t length;
	} spki[WIRE_KEY_KINDS];
};

/* The type that a message claims; -EBADMSG when it is too short, of another version or unknown. */
int wire_type(const uint8_t *message, size_t n, enum wire_type *ret_type);

/* Writers return the bytes written, 0 when something does not fit. The leaf follows its head. */
size_t wire_write_keys(const struct wire_keys *keys, uint8_t message[WIRE_KEYS_MAX]);
size_t wire_write_request_head(const struct certgen_request *request,
			       uint8_t head[WIRE_REQUEST_HEAD_MAX]);
size_t wire_write_answer(const struct certgen_answer *answer, uint8_t *message, size_t size);

/* Writes one {u24 length, DER}; `size` is the room at `at`. */
size_t wire_write_certificate(const uint8_t *der, size_t n, uint8_t *at, size_t size);

int wire_parse_keys(const uint8_t *message, size_t n, struct wire_keys *ret_keys);
int wire_parse_request(const uint8_t *message, size_t n, struct certgen_request *ret_request);
int wire_parse_answer(const uint8_t *message, size_t n, struct certgen_answer *ret_answer);

#endif
