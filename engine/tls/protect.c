/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How it works
 *
 * A direction is a key, an IV and a counter. The nonce of a record is the IV with the counter added
 * by XOR; only GCM in TLS 1.2 is different, where it is four bytes of IV and eight that are sent,
 * which here are the counter too. What is authenticated besides is the header, in TLS 1.3 as sent,
 * in TLS 1.2 as it would be without the cipher, after the counter.
 *
 * The ciphers and the hashes are mbedTLS's, by their public functions; so whatever stands behind
 * those is used here too.
 */
#include "tls/protect.h"

#include <errno.h>
#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "tls/label.h"

enum {
	TLS1_2 = 0x0303,
	TLS1_3 = 0x0304,
	IV_SIZE = PROTECT_IV_SIZE,
	SALT_SIZE = 4, /* of GCM's IV in TLS 1.2 */
	EXPLICIT_SIZE = 8,
	TAG_SIZE = PROTECT_TAG_SIZE,
	KEY_MAX = PROTECT_KEY_MAX,
	/* RFC 8446 section 5.5 allows 2^24.5 full records of AES-GCM. */
	WORN_AT = 1 << 24,
};

struct suite {
	uint16_t code;
	bool is_gcm;
	uint8_t key_size;
	mbedtls_md_type_t hash;
};

static const struct suite suites[] = {
	{ 0x1301, true, 16, MBEDTLS_MD_SHA256 },  /* TLS_AES_128_GCM_SHA256 */
	{ 0x1302, true, 32, MBEDTLS_MD_SHA384 },  /* TLS_AES_256_GCM_SHA384 */
	{ 0x1303, false, 32, MBEDTLS_MD_SHA256 }, /* TLS_CHACHA20_POLY1305_SHA256 */
	{ 0xc02b, true, 16, MBEDTLS_MD_SHA256 },  /* ECDHE_ECDSA */
	{ 0xc02c, true, 32, MBEDTLS_MD_SHA384 },  { 0xcca9, false, 32, MBEDTLS_MD_SHA256 },
	{ 0xc02f, true, 16, MBEDTLS_MD_SHA256 }, /* ECDHE_RSA */
	{ 0xc030, true, 32, MBEDTLS_MD_SHA384 },  { 0xcca8, false, 32, MBEDTLS_MD_SHA256 },
	{ 0x009e, true, 16, MBEDTLS_MD_SHA256 }, /* DHE_RSA */
	{ 0x009f, true, 32, MBEDTLS_MD_SHA384 },  { 0xccaa, false, 32, MBEDTLS_MD_SHA256 },
	{ 0x009c, true, 16, MBEDTLS_MD_SHA256 }, /* RSA */
	{ 0x009d, true, 32, MBEDTLS_MD_SHA384 },
};

struct protect {
	uint16_t version;
	const struct suite *suite;
	uint64_t sequence;
	uint64_t used; /* records under this key */
	uint8_t key[KEY_MAX];
	uint8_t iv[IV_SIZE];
	uint8_t secret[PROTECT_SECRET_MAX]; /* TLS 1.3: what the next key comes from */
	size_t n_secret;
	union {
		mbedtls_gcm_context gcm;
		mbedtls_chachapoly_context chachapoly;
	};
};

static const struct suite *suite_find(uint16_t code)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (suites[i].code == code)
			return &suites[i];
	return NULL;
}

bool protect_is_possible(uint16_t suite)
{
	return suite_find(suite) != NULL;
}

/* --- keys --- */

static int set_key(struct protect *protect, const uint8_t key[KEY_MAX])
{
	int r;

	memcpy(protect->key, key, protect->suite->key_size);
	if (protect->suite->is_gcm)
		r = mbedtls_gcm_setkey(&protect->gcm, MBEDTLS_CIPHER_ID_AES, key,
				       protect->suite->key_size * 8U);
	else
		r = mbedtls_chachapoly_setkey(&protect->chachapoly, key);
	return r == 0 ? 0 : -ENOMEM;
}

static int expand(const struct protect *protect, const char *text, uint8_t *out, size_t n)
{
	return label_expand(protect->suite->hash, protect->secret, protect->n_secret,
			    (struct label){ .text = text }, out, n);
}

/* The key and the IV that belong to the secret. */
static int derive(struct protect *protect)
{
	uint8_t key[KEY_MAX];
	int r = expand(protect, "key", key, protect->suite->key_size);

	if (r == 0)
		r = expand(protect, "iv", protect->iv, sizeof(protect->iv));
	if (r == 0)
		r = set_key(protect, key);
	mbedtls_platform_zeroize(key, sizeof(key));
	return r;
}

/* RFC 5246 section 6.3: the client's key, the server's key, the client's IV, the server's IV. */
static int derive_from_master(struct protect *protect, const struct protect_secrets *secrets,
			      bool is_clients)
{
	uint8_t block[2 * (KEY_MAX + IV_SIZE)];
	size_t n_key = protect->suite->key_size;
	size_t n_iv = protect->suite->is_gcm ? SALT_SIZE : IV_SIZE;
	const uint8_t *key = block + (is_clients ? 0 : n_key);
	const uint8_t *iv = block + 2 * n_key + (is_clients ? 0 : n_iv);
	mbedtls_tls_prf_types prf = protect->suite->hash == MBEDTLS_MD_SHA384
					    ? MBEDTLS_SSL_TLS_PRF_SHA384
					    : MBEDTLS_SSL_TLS_PRF_SHA256;
	int r = mbedtls_ssl_tls_prf(prf, secrets->secret, secrets->n_secret, "key expansion",
				    secrets->randoms, sizeof(secrets->randoms), block,
				    2 * (n_key + n_iv)) == 0
			? 0
			: -ENOMEM;

	if (r == 0) {
		memcpy(protect->iv, iv, n_iv);
		r = set_key(protect, key);
	}
	mbedtls_platform_zeroize(block, sizeof(block));
	return r;
}

int protect_new(const struct protect_secrets *secrets, bool is_clients,
		struct protect **ret_protect)
{
	const struct suite *suite = suite_find(secrets->suite);
	struct protect *protect;
	int r;

	if (!suite || secrets->n_secret > PROTECT_SECRET_MAX)
		return -EINVAL;
	protect = calloc(1, sizeof(*protect));
	if (!protect)
		return -ENOMEM;
	protect->version = secrets->version;
	protect->suite = suite;
	protect->sequence = secrets->sequence;
	if (suite->is_gcm)
		mbedtls_gcm_init(&protect->gcm);
	else
		mbedtls_chachapoly_init(&protect->chachapoly);
	if (protect->version == TLS1_3) {
		protect->n_secret = secrets->n_secret;
		memcpy(protect->secret, secrets->secret, secrets->n_secret);
		r = derive(protect);
	} else {
		r = derive_from_master(protect, secrets, is_clients);
	}
	if (r < 0) {
		protect_free(protect);
		return r;
	}
	*ret_protect = protect;
	return 0;
}

void protect_free(struct protect *protect)
{
	if (!protect)
		return;
	if (protect->suite->is_gcm)
		mbedtls_gcm_free(&protect->gcm);
	else
		mbedtls_chachapoly_free(&protect->chachapoly);
	mbedtls_platform_zeroize(protect, sizeof(*protect));
	free(protect);
}

int protect_update(struct protect *protect)
{
	uint8_t next[PROTECT_SECRET_MAX];
	int r = expand(protect, "traffic upd", next, protect->n_secret);

	if (r == 0) {
		memcpy(protect->secret, next, protect->n_secret);
		r = derive(protect);
	}
	mbedtls_platform_zeroize(next, sizeof(next));
	protect->sequence = protect->used = 0;
	return r;
}

bool protect_is_worn(const struct protect *protect)
{
	return protect->version == TLS1_3 && protect->used >= WORN_AT;
}

void protect_wear(struct protect *protect, uint64_t records)
{
	protect->used += records;
}

void protect_export(const struct protect *protect, struct protect_state *ret_state)
{
	*ret_state = (struct protect_state){ .version = protect->version,
					     .is_gcm = protect->suite->is_gcm,
					     .key_size = protect->suite->key_size,
					     .sequence = protect->sequence };
	memcpy(ret_state->key, protect->key, sizeof(ret_state->key));
	memcpy(ret_state->iv, protect->iv, sizeof(ret_state->iv));
}

/* --- one record --- */

static void put_u64(uint8_t *out, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static bool has_explicit_nonce(const struct protect *protect)
{
	return protect->version == TLS1_2 && protect->suite->is_gcm;
}

static void make_nonce(const struct protect *protect, uint8_t nonce[IV_SIZE])
{
	uint8_t sequence[8];

	put_u64(sequence, protect->sequence);
	memcpy(nonce, protect->iv, IV_SIZE);
	for (unsigned i = 0; i < 8; i++)
		nonce[IV_SIZE - 8 + i] ^= sequence[i];
}

/* What is authenticated besides the content, whose length in the clear is n. */
static size_t make_additional(const struct protect *protect, uint8_t type, size_t n,
			      uint8_t additional[13])
{
	size_t at = 0;

	if (protect->version == TLS1_2) {
		put_u64(additional, protect->sequence);
		at = 8;
	} else {
		type = PROTECT_DATA;
		n += TAG_SIZE;
	}
	additional[at++] = type;
	additional[at++] = 3;
	additional[at++] = 3;
	additional[at++] = (uint8_t)(n >> 8);
	additional[at++] = (uint8_t)n;
	return at;
}

static bool encrypt(struct protect *protect, const uint8_t *nonce, const uint8_t *additional,
		    size_t n_additional, const uint8_t *bytes, size_t n, uint8_t *out)
{
	if (protect->suite->is_gcm)
		return mbedtls_gcm_crypt_and_tag(&protect->gcm, MBEDTLS_GCM_ENCRYPT, n, nonce,
						 IV_SIZE, additional, n_additional, bytes, out,
						 TAG_SIZE, out + n) == 0;
	return mbedtls_chachapoly_encrypt_and_tag(&protect->chachapoly, n, nonce, additional,
						  n_additional, bytes, out, out + n) == 0;
}

static bool decrypt(struct protect *protect, const uint8_t *nonce, const uint8_t *additional,
		    size_t n_additional, const uint8_t *bytes, size_t n, uint8_t *out)
{
	if (protect->suite->is_gcm)
		return mbedtls_gcm_auth_decrypt(&protect->gcm, n, nonce, IV_SIZE, additional,
						n_additional, bytes + n, TAG_SIZE, bytes, out) == 0;
	return mbedtls_chachapoly_auth_decrypt(&protect->chachapoly, n, nonce, additional,
					       n_additional, bytes + n, bytes, out) == 0;
}

static void count(struct protect *protect)
{
	protect->sequence++;
	protect->used++;
}

static void put_header(uint8_t *out, uint8_t type, size_t n)
{
	out[0] = type;
	out[1] = out[2] = 3;
	out[3] = (uint8_t)(n >> 8);
	out[4] = (uint8_t)n;
}

static size_t seal_12(struct protect *protect, uint8_t type, const uint8_t *bytes, size_t n,
		      uint8_t *out)
{
	size_t n_explicit = has_explicit_nonce(protect) ? EXPLICIT_SIZE : 0;
	size_t n_fragment = n_explicit + n + TAG_SIZE;
	uint8_t *content = out + PROTECT_HEADER_SIZE + n_explicit;
	uint8_t nonce[IV_SIZE], additional[13];
	size_t n_additional = make_additional(protect, type, n, additional);

	make_nonce(protect, nonce);
	if (n_explicit > 0) {
		put_u64(nonce + SALT_SIZE, protect->sequence);
		put_u64(out + PROTECT_HEADER_SIZE, protect->sequence);
	}
	put_header(out, type, n_fragment);
	return encrypt(protect, nonce, additional, n_additional, bytes, n, content)
		       ? PROTECT_HEADER_SIZE + n_fragment
		       : 0;
}

/* The content, and behind it its type, which stands elsewhere. */
static bool encrypt_13(struct protect *protect, const uint8_t *nonce, const uint8_t *additional,
		       size_t n_additional, const uint8_t *bytes, size_t n, uint8_t type,
		       uint8_t *out)
{
	mbedtls_gcm_context *gcm = &protect->gcm;
	mbedtls_chachapoly_context *chachapoly = &protect->chachapoly;
	uint8_t *tag = out + n + 1;
	size_t ignored;

	if (protect->suite->is_gcm)
		return mbedtls_gcm_starts(gcm, MBEDTLS_GCM_ENCRYPT, nonce, IV_SIZE) == 0 &&
		       mbedtls_gcm_update_ad(gcm, additional, n_additional) == 0 &&
		       mbedtls_gcm_update(gcm, bytes, n, out, n, &ignored) == 0 &&
		       mbedtls_gcm_update(gcm, &type, 1, out + n, 1, &ignored) == 0 &&
		       mbedtls_gcm_finish(gcm, NULL, 0, &ignored, tag, TAG_SIZE) == 0;
	return mbedtls_chachapoly_starts(chachapoly, nonce, MBEDTLS_CHACHAPOLY_ENCRYPT) == 0 &&
	       mbedtls_chachapoly_update_aad(chachapoly, additional, n_additional) == 0 &&
	       mbedtls_chachapoly_update(chachapoly, n, bytes, out) == 0 &&
	       mbedtls_chachapoly_update(chachapoly, 1, &type, out + n) == 0 &&
	       mbedtls_chachapoly_finish(chachapoly, tag) == 0;
}

static size_t seal_13(struct protect *protect, uint8_t type, const uint8_t *bytes, size_t n,
		      uint8_t *out)
{
	uint8_t nonce[IV_SIZE], additional[13];
	size_t n_additional = make_additional(protect, type, n + 1, additional);

	make_nonce(protect, nonce);
	put_header(out, PROTECT_DATA, n + 1 + TAG_SIZE);
	return encrypt_13(protect, nonce, additional, n_additional, bytes, n, type,
			  out + PROTECT_HEADER_SIZE)
		       ? PROTECT_HEADER_SIZE + n + 1 + TAG_SIZE
		       : 0;
}

size_t protect_seal(struct protect *protect, uint8_t type, const uint8_t *bytes, size_t n,
		    uint8_t *out)
{
	size_t length = protect->version == TLS1_2 ? seal_12(protect, type, bytes, n, out)
						   : seal_13(protect, type, bytes, n, out);

	count(protect);
	return length;
}

int protect_length(const uint8_t *bytes, size_t n)
{
	if (n < PROTECT_HEADER_SIZE)
		return 0;
	if (bytes[1] != 3 || bytes[0] < PROTECT_CHANGE_CIPHER_SPEC || bytes[0] > PROTECT_DATA)
		return -EINVAL;
	return PROTECT_HEADER_SIZE + (bytes[3] << 8 | bytes[4]);
}

/* The type stands behind the content, and behind the type any number of zeros. */
static enum protect_result strip(uint8_t *out, size_t n, uint8_t *ret_type, size_t *ret_n)
{
	while (n > 0 && out[n - 1] == 0)
		n--;
	if (n == 0)
		return PROTECT_BROKEN;
	*ret_type = out[n - 1];
	*ret_n = n - 1;
	return PROTECT_OPENED;
}

enum protect_result protect_open(struct protect *protect, const uint8_t *bytes, size_t n,
				 uint8_t *out, uint8_t *ret_type, size_t *ret_n)
{
	size_t n_explicit = has_explicit_nonce(protect) ? EXPLICIT_SIZE : 0;
	const uint8_t *content = bytes + PROTECT_HEADER_SIZE + n_explicit;
	uint8_t nonce[IV_SIZE], additional[13];
	size_t n_content, n_additional;

	if (n > PROTECT_SIZE_MAX)
		return PROTECT_TOO_BIG;
	if (protect->version == TLS1_3 && bytes[0] != PROTECT_DATA)
		return PROTECT_BROKEN;
	if (n < PROTECT_HEADER_SIZE + n_explicit + TAG_SIZE)
		return PROTECT_FORGED;
	n_content = n - PROTECT_HEADER_SIZE - n_explicit - TAG_SIZE;
	n_additional = make_additional(protect, bytes[0], n_content, additional);
	make_nonce(protect, nonce);
	if (n_explicit > 0)
		memcpy(nonce + SALT_SIZE, bytes + PROTECT_HEADER_SIZE, EXPLICIT_SIZE);
	if (!decrypt(protect, nonce, additional, n_additional, content, n_content, out))
		return PROTECT_FORGED;
	count(protect);
	if (protect->version == TLS1_3) /* RFC 8446 section 5.4: padding counts, and the type */
		return n_content > PROTECT_CONTENT_MAX + 1 ? PROTECT_TOO_BIG
							   : strip(out, n_content, ret_type, ret_n);
	*ret_type = bytes[0];
	*ret_n = n_content;
	return n_content > PROTECT_CONTENT_MAX ? PROTECT_TOO_BIG : PROTECT_OPENED;
}
