/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The old functions of libcrypto cost least: the new ones look up an implementation each time. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "floor_work.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct floor_kind floor_kinds[FLOOR_N_KINDS] = {
	{ .name = "full13" },
	{ .name = "full12", .is_12 = true },
	{ .name = "rsa13", .is_rsa = true },
	{ .name = "rsa12", .is_12 = true, .is_rsa = true },
	{ .name = "gb128", .is_bulk = true },
	{ .name = "gb256", .is_bulk = true, .is_256 = true },
};

enum { DIGEST = SHA256_DIGEST_LENGTH, TAG = 16, NONCE = 12, HEADER = 5 };
enum { HMACS_12 = 12, HMACS_13 = 19, MESSAGES = 3 };

static const struct floor_kind *used;
static EC_KEY *server_key, *our_key;
static EVP_PKEY_CTX *rsa_verifier;
static unsigned char digest[DIGEST], ec_signature[128], rsa_signature[256];
static unsigned ec_signature_n;
static EVP_CIPHER_CTX *opener, *sealer;
static unsigned char peer_share[crypto_scalarmult_BYTES];

static void check(bool is_well, const char *what)
{
	if (!is_well) {
		fprintf(stderr, "floor: %s failed\n", what);
		exit(1);
	}
}

const struct floor_kind *floor_kind_find(const char *name)
{
	for (size_t i = 0; i < FLOOR_N_KINDS; i++) {
		if (strcmp(floor_kinds[i].name, name) == 0)
			return &floor_kinds[i];
	}
	return NULL;
}

/* --- once --- */

static EC_KEY *make_key(void)
{
	EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);

	check(key && EC_KEY_generate_key(key), "P-256");
	return key;
}

static EVP_PKEY_CTX *rsa_context(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *))
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

	check(ctx && init(ctx) > 0 &&
		      EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
		      EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) > 0,
	      "RSA");
	return ctx;
}

static void make_rsa(void)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	size_t n = sizeof(rsa_signature);
	EVP_PKEY_CTX *signer = rsa_context(key, EVP_PKEY_sign_init);

	check(EVP_PKEY_sign(signer, rsa_signature, &n, digest, DIGEST) > 0, "RSA");
	EVP_PKEY_CTX_free(signer);
	rsa_verifier = rsa_context(key, EVP_PKEY_verify_init);
}

void floor_init(void)
{
	unsigned char secret[crypto_scalarmult_SCALARBYTES];

	check(sodium_init() >= 0, "libsodium");
	randombytes_buf(secret, sizeof(secret));
	check(crypto_scalarmult_base(peer_share, secret) == 0, "X25519");
	server_key = make_key();
	our_key = make_key();
	check(ECDSA_sign(0, digest, DIGEST, ec_signature, &ec_signature_n, server_key), "P-256");
	make_rsa();
	opener = EVP_CIPHER_CTX_new();
	sealer = EVP_CIPHER_CTX_new();
	check(opener && sealer, "a context");
}

/* --- pieces --- */

static void set_key(EVP_CIPHER_CTX *ctx, bool is_sealing)
{
	unsigned char key[32] = { 0 };

	check(EVP_CipherInit_ex(ctx, NULL, NULL, key, NULL, is_sealing), "a key");
}

static void set_keys(unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		set_key(opener, false);
		set_key(sealer, true);
	}
}

/* The tag comes behind the text in both directions; whether it is right does not matter. */
static void open_record(unsigned char *record, size_t n)
{
	static const unsigned char nonce[NONCE];
	unsigned char *text = record + HEADER;
	int moved;

	(void)EVP_CipherInit_ex(opener, NULL, NULL, NULL, nonce, 0);
	(void)EVP_CipherUpdate(opener, NULL, &moved, record, HEADER);
	(void)EVP_CipherUpdate(opener, text, &moved, text, (int)n);
	(void)EVP_CIPHER_CTX_ctrl(opener, EVP_CTRL_AEAD_SET_TAG, TAG, text + n);
	(void)EVP_CipherFinal_ex(opener, text + n, &moved);
}

static void seal_record(unsigned char *record, size_t n)
{
	static const unsigned char nonce[NONCE];
	unsigned char *text = record + HEADER;
	int moved;

	check(EVP_CipherInit_ex(sealer, NULL, NULL, NULL, nonce, 1) &&
		      EVP_CipherUpdate(sealer, NULL, &moved, record, HEADER) &&
		      EVP_CipherUpdate(sealer, text, &moved, text, (int)n) &&
		      EVP_CipherFinal_ex(sealer, text + n, &moved) &&
		      EVP_CIPHER_CTX_ctrl(sealer, EVP_CTRL_AEAD_GET_TAG, TAG, text + n),
	      "sealing");
}

void floor_relay_record(unsigned char *record, size_t n)
{
	open_record(record, n + 1);
	seal_record(record, n + 1);
}

/* Of one block, as those of a key schedule: a padded key, what it is for, and around it again. */
static void hmac(unsigned char secret[DIGEST])
{
	static const unsigned char label[48];
	unsigned char pad[SHA256_CBLOCK] = { 0 };
	SHA256_CTX ctx;

	for (size_t i = 0; i < SHA256_CBLOCK; i++)
		pad[i] = (i < DIGEST ? secret[i] : 0) ^ 0x36;
	SHA256_Init(&ctx);
	SHA256_Update(&ctx, pad, sizeof(pad));
	SHA256_Update(&ctx, label, sizeof(label));
	SHA256_Final(secret, &ctx);
	for (size_t i = 0; i < SHA256_CBLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	SHA256_Init(&ctx);
	SHA256_Update(&ctx, pad, sizeof(pad));
	SHA256_Update(&ctx, secret, DIGEST);
	SHA256_Final(secret, &ctx);
}

static void transcript(const unsigned char *flight, size_t n)
{
	unsigned char hash[DIGEST];
	SHA256_CTX ctx, copy;

	SHA256_Init(&ctx);
	for (size_t i = 0; i < MESSAGES; i++) {
		SHA256_Update(&ctx, flight, i == 0 ? n : 64);
		copy = ctx;
		SHA256_Final(hash, &copy);
	}
}

/* What both legs do. */
static void agree(const unsigned char *flight, size_t n)
{
	unsigned char own[crypto_scalarmult_SCALARBYTES], share[crypto_scalarmult_BYTES];
	unsigned char secret[crypto_scalarmult_BYTES];

	randombytes_buf(own, sizeof(own));
	check(crypto_scalarmult_base(share, own) == 0 &&
		      crypto_scalarmult(secret, own, peer_share) == 0,
	      "X25519");
	transcript(flight, n);
	for (unsigned i = 0; i < (used->is_12 ? HMACS_12 : HMACS_13); i++)
		hmac(secret);
}

/* --- a connection --- */

void floor_use(const struct floor_kind *kind)
{
	const EVP_CIPHER *cipher = kind->is_256 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();

	if (kind != used)
		check(EVP_CipherInit_ex(opener, cipher, NULL, NULL, NULL, 0) &&
			      EVP_CipherInit_ex(sealer, cipher, NULL, NULL, NULL, 1),
		      "AES");
	used = kind;
	if (kind->is_bulk)
		set_keys(1);
}

void floor_shake_upstream(unsigned char *flight, size_t n)
{
	agree(flight, 517 + n);
	set_keys(used->is_12 ? 1 : 2);
	if (used->is_rsa)
		check(EVP_PKEY_verify(rsa_verifier, rsa_signature, sizeof(rsa_signature), digest,
				      DIGEST) > 0,
		      "verifying");
	else
		check(ECDSA_verify(0, digest, DIGEST, ec_signature, (int)ec_signature_n,
				   server_key) > 0,
		      "verifying");
	open_record(flight, used->is_12 ? 16 : n - FLOOR_OVERHEAD);
	seal_record(flight, 36);
}

void floor_shake_downstream(unsigned char *flight, size_t n)
{
	unsigned char signature[128];
	unsigned signature_n;

	agree(flight, 517 + n);
	set_keys(used->is_12 ? 1 : 2);
	check(ECDSA_sign(0, digest, DIGEST, signature, &signature_n, our_key), "signing");
	seal_record(flight, used->is_12 ? 16 : n - FLOOR_OVERHEAD);
	open_record(flight, 36);
}
