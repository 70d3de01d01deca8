/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AES-GCM with mbedTLS's functions, which <mbedtls/gcm.h> describes. Constant time: see aead.c. */
#include <mbedtls/error.h>
#include <mbedtls/gcm.h>
#include <string.h>

enum { TAG_MIN = 4 };

void mbedtls_gcm_init(mbedtls_gcm_context *gcm)
{
	memset(gcm, 0, sizeof(*gcm));
}

void mbedtls_gcm_free(mbedtls_gcm_context *gcm)
{
	if (gcm)
		aead_deinit(&gcm->aead);
}

int mbedtls_gcm_setkey(mbedtls_gcm_context *gcm, mbedtls_cipher_id_t cipher,
		       const unsigned char *key, unsigned int bits)
{
	enum aead_kind kind = bits == 128   ? AEAD_AES_128_GCM
			      : bits == 192 ? AEAD_AES_192_GCM
					    : AEAD_AES_256_GCM;

	if (cipher != MBEDTLS_CIPHER_ID_AES || (bits != 128 && bits != 192 && bits != 256))
		return MBEDTLS_ERR_GCM_BAD_INPUT;
	return aead_set_key(&gcm->aead, kind, key) ? 0 : MBEDTLS_ERR_ERROR_GENERIC_ERROR;
}

int mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context *gcm, int mode, size_t n,
			      const unsigned char *nonce, size_t nonce_n,
			      const unsigned char *additional, size_t additional_n,
			      const unsigned char *text, unsigned char *ret_text, size_t tag_n,
			      unsigned char *ret_tag)
{
	struct aead_text message = { nonce, additional, text, nonce_n, additional_n, n };
	bool is_done;

	if (tag_n < TAG_MIN || tag_n > AEAD_TAG)
		return MBEDTLS_ERR_GCM_BAD_INPUT;
	if (mode == MBEDTLS_GCM_ENCRYPT)
		is_done = aead_seal(&gcm->aead, &message, ret_text, ret_tag, tag_n);
	else
		is_done = aead_start(&gcm->aead, true, nonce, nonce_n) &&
			  aead_add(&gcm->aead, additional, additional_n) &&
			  aead_update(&gcm->aead, text, n, ret_text) &&
			  aead_finish(&gcm->aead, ret_tag, tag_n);
	return is_done ? 0 : MBEDTLS_ERR_GCM_BAD_INPUT;
}

int mbedtls_gcm_auth_decrypt(mbedtls_gcm_context *gcm, size_t n, const unsigned char *nonce,
			     size_t nonce_n, const unsigned char *additional, size_t additional_n,
			     const unsigned char *tag, size_t tag_n, const unsigned char *text,
			     unsigned char *ret_text)
{
	struct aead_text message = { nonce, additional, text, nonce_n, additional_n, n };

	if (tag_n < TAG_MIN || tag_n > AEAD_TAG || nonce_n == 0)
		return MBEDTLS_ERR_GCM_BAD_INPUT;
	return aead_open(&gcm->aead, &message, tag, tag_n, ret_text) ? 0
								     : MBEDTLS_ERR_GCM_AUTH_FAILED;
}

int mbedtls_gcm_starts(mbedtls_gcm_context *gcm, int mode, const unsigned char *nonce, size_t n)
{
	bool is_opening = mode == MBEDTLS_GCM_DECRYPT;

	return aead_start(&gcm->aead, is_opening, nonce, n) ? 0 : MBEDTLS_ERR_GCM_BAD_INPUT;
}

int mbedtls_gcm_update_ad(mbedtls_gcm_context *gcm, const unsigned char *bytes, size_t n)
{
	return aead_add(&gcm->aead, bytes, n) ? 0 : MBEDTLS_ERR_GCM_BAD_INPUT;
}

int mbedtls_gcm_update(mbedtls_gcm_context *gcm, const unsigned char *text, size_t n,
		       unsigned char *ret_text, size_t size, size_t *ret_n)
{
	if (size < n)
		return MBEDTLS_ERR_GCM_BUFFER_TOO_SMALL;
	*ret_n = n;
	return aead_update(&gcm->aead, text, n, ret_text) ? 0 : MBEDTLS_ERR_GCM_BAD_INPUT;
}

int mbedtls_gcm_finish(mbedtls_gcm_context *gcm, unsigned char *ret_text, size_t size,
		       size_t *ret_n, unsigned char *ret_tag, size_t n)
{
	(void)ret_text;
	(void)size;
	*ret_n = 0;
	if (n < TAG_MIN || n > AEAD_TAG)
		return MBEDTLS_ERR_GCM_BAD_INPUT;
	return aead_finish(&gcm->aead, ret_tag, n) ? 0 : MBEDTLS_ERR_GCM_BAD_INPUT;
}
