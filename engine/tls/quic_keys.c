/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/quic_keys.h"

#include <errno.h>
#include <string.h>

#include <mbedtls/aes.h>
#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/md.h>

#include "tls/label.h"

enum {
	SECRET = 32, /* of SHA-256 */
	BITS = 128,  /* of the AES keys */
};

/* What tells the versions apart. */
struct kind {
	uint32_t version;
	uint8_t salt[20];
	const char *key, *iv, *hp; /* labels */
};

static const struct kind kinds[] = {
	{ QUIC_V1,
	  { 0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
	    0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a },
	  "quic key",
	  "quic iv",
	  "quic hp" },
	{ QUIC_V2,
	  { 0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
	    0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9 },
	  "quicv2 key",
	  "quicv2 iv",
	  "quicv2 hp" },
};

static const struct kind *kind_of(uint32_t version)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].version == version)
			return &kinds[i];
	return NULL;
}

static int expand(const uint8_t secret[SECRET], const char *text, uint8_t *made, size_t n)
{
	return label_expand(MBEDTLS_MD_SHA256, secret, SECRET, (struct label){ .text = text }, made,
			    n);
}

int quic_keys_derive(uint32_t version, const uint8_t *cid, size_t n_cid, struct quic_keys *ret_keys)
{
	const struct kind *kind = kind_of(version);
	uint8_t initial[SECRET], client[SECRET];
	struct quic_keys keys;

	if (!kind)
		return -EPROTONOSUPPORT;
	if (mbedtls_hkdf_extract(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), kind->salt,
				 sizeof(kind->salt), cid, n_cid, initial) != 0 ||
	    expand(initial, "client in", client, SECRET) != 0 ||
	    expand(client, kind->key, keys.key, sizeof(keys.key)) != 0 ||
	    expand(client, kind->iv, keys.iv, sizeof(keys.iv)) != 0 ||
	    expand(client, kind->hp, keys.hp, sizeof(keys.hp)) != 0)
		return -EIO;
	*ret_keys = keys;
	return 0;
}

int quic_keys_mask(const struct quic_keys *keys, const uint8_t sample[QUIC_SAMPLE],
		   uint8_t ret_mask[QUIC_MASK])
{
	mbedtls_aes_context aes;
	uint8_t block[QUIC_SAMPLE];
	int error;

	mbedtls_aes_init(&aes);
	error = mbedtls_aes_setkey_enc(&aes, keys->hp, BITS);
	if (error == 0)
		error = mbedtls_aes_crypt_ecb(&aes, MBEDTLS_AES_ENCRYPT, sample, block);
	mbedtls_aes_free(&aes);
	if (error != 0)
		return -EIO;
	memcpy(ret_mask, block, QUIC_MASK);
	return 0;
}

/* RFC 9001 section 5.3: the packet number, as long as the IV, is put over it. */
static void nonce_make(const struct quic_keys *keys, uint64_t number, uint8_t *nonce)
{
	memcpy(nonce, keys->iv, sizeof(keys->iv));
	for (size_t i = sizeof(keys->iv); number > 0; number >>= 8)
		nonce[--i] ^= (uint8_t)number;
}

int quic_keys_open(const struct quic_keys *keys, uint64_t number, const uint8_t *header,
		   size_t n_header, uint8_t *payload, size_t n_payload)
{
	mbedtls_gcm_context gcm;
	uint8_t nonce[sizeof(keys->iv)];
	size_t n = n_payload - QUIC_TAG;
	int error;

	if (n_payload < QUIC_TAG)
		return -EBADMSG;
	nonce_make(keys, number, nonce);
	mbedtls_gcm_init(&gcm);
	error = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, keys->key, BITS);
	if (error == 0)
		error = mbedtls_gcm_auth_decrypt(&gcm, n, nonce, sizeof(nonce), header, n_header,
						 payload + n, QUIC_TAG, payload, payload);
	mbedtls_gcm_free(&gcm);
	if (error == 0)
		return 0;
	return error == MBEDTLS_ERR_GCM_AUTH_FAILED ? -EBADMSG : -EIO;
}
