/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_PROTECT_H
#define POSTERN_TLS_PROTECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The protection of records after the handshake, one direction of it: RFC 8446 sections 5 and 7.3,
 * RFC 5246 section 6.2.3.3 with RFC 5288 (GCM) and RFC 7905 (ChaCha20-Poly1305). No I/O. Private to
 * this folder.
 */

enum protect_type {
	PROTECT_CHANGE_CIPHER_SPEC = 20,
	PROTECT_ALERT = 21,
	PROTECT_HANDSHAKE = 22,
	PROTECT_DATA = 23,
};

enum {
	PROTECT_HEADER_SIZE = 5,
	PROTECT_CONTENT_MAX = 16384,
	PROTECT_FRAGMENT_MAX = PROTECT_CONTENT_MAX + 256, /* of TLS 1.3; AEAD in TLS 1.2 adds 24 */
	PROTECT_SIZE_MAX = PROTECT_HEADER_SIZE + PROTECT_FRAGMENT_MAX,
	PROTECT_TAG_SIZE = 16,
	PROTECT_OVERHEAD_MAX =
		PROTECT_HEADER_SIZE + 8 + PROTECT_TAG_SIZE, /* of what is sealed here */
	PROTECT_SECRET_MAX = 48,
	PROTECT_KEY_MAX = 32,
	PROTECT_IV_SIZE = 12,
};

/* What a handshake leaves behind. */
struct protect_secrets {
	uint16_t version; /* 0x0303, 0x0304 */
	uint16_t suite;   /* one that protect_is_possible() */
	uint8_t secret
		[48]; /* TLS 1.3: the direction's application traffic secret; before: master */
	size_t n_secret;
	uint8_t randoms[64]; /* TLS 1.2: the server's, then the client's */
	uint64_t sequence;   /* of the next record */
};

/* The suites of AES-GCM and ChaCha20-Poly1305. */
bool protect_is_possible(uint16_t suite);

struct protect;

/* What the client writes, or what the server writes. 0, -ENOMEM, or -EINVAL for another suite. */
int protect_new(const struct protect_secrets *secrets, bool is_clients,
		struct protect **ret_protect);
void protect_free(struct protect *protect);

/*
 * One record of at most PROTECT_CONTENT_MAX bytes. `out` has room for n + PROTECT_OVERHEAD_MAX; it
 * and `bytes` do not overlap. The record's length; 0: the cipher failed.
 */
size_t protect_seal(struct protect *protect, uint8_t type, const uint8_t *bytes, size_t n,
		    uint8_t *out);

/* The length of the record that begins here: 0 while that is not known, -EINVAL when it is none. */
int protect_length(const uint8_t *bytes, size_t n);

enum protect_result {
	PROTECT_OPENED,
	PROTECT_FORGED,  /* it does not authenticate, or is too short to: bad_record_mac */
	PROTECT_TOO_BIG, /* record_overflow */
	PROTECT_BROKEN,  /* a type that cannot be, nothing but padding: unexpected_message */
};

/*
 * One whole record. `out` has room for n bytes and does not overlap. The content's type and length
 * are set with PROTECT_OPENED; n bytes of `out` are overwritten in any case.
 */
enum protect_result protect_open(struct protect *protect, const uint8_t *bytes, size_t n,
				 uint8_t *out, uint8_t *ret_type, size_t *ret_n);

/* TLS 1.3: the next generation of the key (RFC 8446 section 7.2). 0 or -ENOMEM. */
int protect_update(struct protect *protect);

/* So many records were sealed or opened with this key that it should be updated. */
bool protect_is_worn(const struct protect *protect);

/* What another record layer goes on with (tls/kernel.h). */
struct protect_state {
	uint16_t version;
	bool is_gcm; /* or else ChaCha20-Poly1305 */
	uint8_t key_size;
	uint8_t key[PROTECT_KEY_MAX]; /* to be wiped, as is the rest */
	uint8_t iv[PROTECT_IV_SIZE];  /* of GCM in TLS 1.2: the four bytes that are not sent */
	uint64_t sequence;            /* of the next record */
};
void protect_export(const struct protect *protect, struct protect_state *ret_state);
/* It sealed so many records meanwhile. */
void protect_wear(struct protect *protect, uint64_t records);

#endif
