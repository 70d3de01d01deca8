/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ChaCha20-Poly1305 with mbedTLS's functions, which <mbedtls/chachapoly.h> describes. Constant
 * time: see aead.c.
 */
#include <mbedtls/chachapoly.h>
#include <mbedtls/error.h>
#include <string.h>

void mbedtls_chachapoly_init(mbedtls_chachapoly_context *chacha)
{
	memset(chacha, 0, sizeof(*chacha));
}

void mbedtls_chachapoly_free(mbedtls_chachapoly_context *chacha)
{
	if (!chacha)
		return;
	aead_deinit(&chacha->aead);
	chacha->stage = CHACHAPOLY_IDLE;
}

static int answer(bool is_done)
{
	return is_done ? 0 : MBEDTLS_ERR_ERROR_GENERIC_ERROR;
}

int mbedtls_chachapoly_setkey(mbedtls_chachapoly_context *chacha, const unsigned char key[32])
{
	return answer(aead_set_key(&chacha->aead, AEAD_CHACHA20_POLY1305, key));
}

int mbedtls_chachapoly_encrypt_and_tag(mbedtls_chachapoly_context *chacha, size_t n,
				       const unsigned char nonce[12],
				       const unsigned char *additional, size_t additional_n,
				       const unsigned char *text, unsigned char *ret_text,
				       unsigned char ret_tag[16])
{
	struct aead_text message = { nonce, additional, text, AEAD_NONCE, additional_n, n };

	return answer(aead_seal(&chacha->aead, &message, ret_text, ret_tag, AEAD_TAG));
}

int mbedtls_chachapoly_auth_decrypt(mbedtls_chachapoly_context *chacha, size_t n,
				    const unsigned char nonce[12], const unsigned char *additional,
				    size_t additional_n, const unsigned char tag[16],
				    const unsigned char *text, unsigned char *ret_text)
{
	struct aead_text message = { nonce, additional, text, AEAD_NONCE, additional_n, n };

	return aead_open(&chacha->aead, &message, tag, AEAD_TAG, ret_text)
		       ? 0
		       : MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED;
}

int mbedtls_chachapoly_starts(mbedtls_chachapoly_context *chacha, const unsigned char nonce[12],
			      mbedtls_chachapoly_mode_t mode)
{
	bool is_opening = mode == MBEDTLS_CHACHAPOLY_DECRYPT;

	chacha->stage = CHACHAPOLY_ADDITIONAL;
	return answer(aead_start(&chacha->aead, is_opening, nonce, AEAD_NONCE));
}

int mbedtls_chachapoly_update_aad(mbedtls_chachapoly_context *chacha, const unsigned char *bytes,
				  size_t n)
{
	if (chacha->stage != CHACHAPOLY_ADDITIONAL)
		return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
	return answer(aead_add(&chacha->aead, bytes, n));
}

int mbedtls_chachapoly_update(mbedtls_chachapoly_context *chacha, size_t n,
			      const unsigned char *text, unsigned char *ret_text)
{
	if (chacha->stage != CHACHAPOLY_ADDITIONAL && chacha->stage != CHACHAPOLY_TEXT)
		return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
	chacha->stage = CHACHAPOLY_TEXT;
	return answer(aead_update(&chacha->aead, text, n, ret_text));
}

int mbedtls_chachapoly_finish(mbedtls_chachapoly_context *chacha, unsigned char ret_tag[16])
{
	if (chacha->stage == CHACHAPOLY_IDLE)
		return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
	chacha->stage = CHACHAPOLY_DONE;
	return answer(aead_finish(&chacha->aead, ret_tag, AEAD_TAG));
}
