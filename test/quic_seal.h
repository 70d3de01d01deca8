/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_QUIC_SEAL_H
#define POSTERN_TEST_QUIC_SEAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

/*
 * A client's long header packets, written after RFC 9001 section 5 and RFC 9369 section 3 with
 * libcrypto: shares nothing with the code under test.
 */

enum { QUIC_SEAL_ROOM = 600 }; /* bytes that a packet has besides payload and token */

struct quic_seal {
	uint32_t version;
	uint8_t first;      /* as it is before protection; the last two bits are n_number - 1 */
	const uint8_t *cid; /* Destination Connection ID */
	size_t n_cid;
	const uint8_t *key_cid; /* that the keys come from */
	size_t n_key_cid;
	size_t n_source; /* bytes of the Source Connection ID, all zero */
	const uint8_t *token;
	size_t n_token;
	int has_token;   /* whether the header has such a field: those of Initial packets do */
	uint64_t number; /* as many of its bytes are sent as `first` says */
};

static inline void quic_seal_hmac(const void *key, size_t n_key, const void *data, size_t n,
				  uint8_t made[32])
{
	unsigned n_made = 32;

	HMAC(EVP_sha256(), key, (int)n_key, data, n, made, &n_made);
}

/* HKDF-Expand-Label for at most 32 bytes: one round. */
static inline void quic_seal_expand(const uint8_t secret[32], const char *label, uint8_t *made,
				    size_t n)
{
	uint8_t info[64] = { 0 }, block[32];
	size_t n_label = strlen(label);

	info[1] = (uint8_t)n;
	info[2] = (uint8_t)(6 + n_label);
	memcpy(info + 3, "tls13 ", 7);
	memcpy(info + 9, label, n_label + 1);
	info[10 + n_label] = 1;
	quic_seal_hmac(secret, 32, info, 11 + n_label, block);
	memcpy(made, block, n);
}

static inline void quic_seal_keys(const struct quic_seal *how, uint8_t key[16], uint8_t iv[12],
				  uint8_t hp[16])
{
	static const char salt1[] = "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17"
				    "\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
	static const char salt2[] = "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93"
				    "\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9";
	int is_1 = how->version == 1;
	uint8_t initial[32], client[32];

	quic_seal_hmac(is_1 ? salt1 : salt2, 20, how->key_cid, how->n_key_cid, initial);
	quic_seal_expand(initial, "client in", client, 32);
	quic_seal_expand(client, is_1 ? "quic key" : "quicv2 key", key, 16);
	quic_seal_expand(client, is_1 ? "quic iv" : "quicv2 iv", iv, 12);
	quic_seal_expand(client, is_1 ? "quic hp" : "quicv2 hp", hp, 16);
}

static inline uint8_t *quic_seal_uint(uint8_t *at, uint64_t value, unsigned n)
{
	while (n-- > 0)
		*at++ = (uint8_t)(value >> 8 * n);
	return at;
}

/* A variable-length integer of 4 bytes. */
static inline uint8_t *quic_seal_varint(uint8_t *at, uint64_t value)
{
	return quic_seal_uint(at, value | UINT64_C(0x80000000), 4);
}

static inline void quic_seal_payload(const uint8_t key[16], const uint8_t iv[12], uint64_t number,
				     const uint8_t *header, size_t n_header, const uint8_t *payload,
				     size_t n, uint8_t *sealed)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t nonce[12];
	int n_made;

	memcpy(nonce, iv, 12);
	for (unsigned i = 0; i < 8; i++)
		nonce[11 - i] ^= (uint8_t)(number >> 8 * i);
	EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, nonce);
	EVP_EncryptUpdate(ctx, NULL, &n_made, header, (int)n_header);
	EVP_EncryptUpdate(ctx, sealed, &n_made, payload, (int)n);
	EVP_EncryptFinal_ex(ctx, sealed + n, &n_made);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, sealed + n);
	EVP_CIPHER_CTX_free(ctx);
}

/* Writes the packet and returns its length; `packet` has QUIC_SEAL_ROOM more than the rest. */
static inline size_t quic_seal(const struct quic_seal *how, const uint8_t *payload, size_t n,
			       uint8_t *packet)
{
	unsigned n_number = (how->first & 3U) + 1;
	uint8_t key[16], iv[12], hp[16], mask[32], *at = packet, *number;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n_made;

	*at++ = how->first;
	at = quic_seal_uint(at, how->version, 4);
	*at++ = (uint8_t)how->n_cid;
	memcpy(at, how->cid, how->n_cid);
	at += how->n_cid;
	*at++ = (uint8_t)how->n_source;
	memset(at, 0, how->n_source);
	at += how->n_source;
	if (how->has_token) {
		at = how->n_token < 64 ? quic_seal_uint(at, how->n_token, 1)
				       : quic_seal_varint(at, how->n_token);
		if (how->n_token > 0)
			memcpy(at, how->token, how->n_token);
		at += how->n_token;
	}
	/* Two bytes where they suffice, as in the RFCs' samples. */
	at = n_number + n + 16 < 0x4000 ? quic_seal_uint(at, 0x4000 | (n_number + n + 16), 2)
					: quic_seal_varint(at, n_number + n + 16);
	number = at;
	at = quic_seal_uint(at, how->number, n_number);

	quic_seal_keys(how, key, iv, hp);
	quic_seal_payload(key, iv, how->number, packet, (size_t)(at - packet), payload, n, at);
	EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, hp, NULL);
	EVP_EncryptUpdate(ctx, mask, &n_made, number + 4, 16);
	EVP_CIPHER_CTX_free(ctx);
	packet[0] ^= mask[0] & 0x0f;
	for (unsigned i = 0; i < n_number; i++)
		number[i] ^= mask[1 + i];
	return (size_t)(at - packet) + n + 16;
}

#endif
