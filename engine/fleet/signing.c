/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fleet/signing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DER_SEQUENCE = 0x30 };

struct signing_key {
	EVP_PKEY *pkey;
};

struct signing_keys {
	struct {
		EVP_PKEY *pkey;
		char *file;
	} keys[SIGNING_KEYS_MAX];
	unsigned n;
};

/* --- a new pair --- */

static bool to_text(BIO *bio, char text[SIGNING_PEM_MAX])
{
	int n = BIO_read(bio, text, SIGNING_PEM_MAX - 1);

	text[n > 0 ? n : 0] = '\0';
	return n > 0 && BIO_pending(bio) == 0;
}

int signing_make(char secret[SIGNING_PEM_MAX], char public[SIGNING_PEM_MAX])
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *first = BIO_new(BIO_s_secmem()), *second = BIO_new(BIO_s_mem());
	bool is_made = pkey && first && second &&
		       PEM_write_bio_PKCS8PrivateKey(first, pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
		       PEM_write_bio_PUBKEY(second, pkey) == 1 && to_text(first, secret) &&
		       to_text(second, public);

	BIO_free(first);
	BIO_free(second);
	EVP_PKEY_free(pkey);
	return is_made ? 0 : -ENOMEM;
}

void signing_wipe(void *bytes, size_t n)
{
	OPENSSL_cleanse(bytes, n);
}

/* --- files --- */

/* `forbidden`: bits of the mode that may not be set. */
static int open_file(const char *path, mode_t forbidden, BIO **ret_bio,
		     struct bundle_error *ret_error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r = 0;
	struct stat st;
	BIO *bio;

	if (fd < 0)
		return bundle_fail(ret_error, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0)
		r = bundle_fail(ret_error, -errno, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		r = bundle_fail(ret_error, -EINVAL, "%s: not a regular file", path);
	else if ((st.st_mode & forbidden) != 0)
		r = bundle_fail(ret_error, -EACCES,
				"%s: mode %04o: group and others must not be able to %s it", path,
				(unsigned)(st.st_mode & 07777),
				forbidden == 022 ? "write" : "access");
	bio = r == 0 ? BIO_new_fd(fd, BIO_CLOSE) : NULL;
	if (!bio) {
		close(fd);
		return r < 0 ? r : bundle_fail(ret_error, -ENOMEM, "%s: out of memory", path);
	}
	*ret_bio = bio;
	return 0;
}

int signing_key_read(const char *path, struct signing_key **ret_key, struct bundle_error *ret_error)
{
	struct signing_key *key;
	BIO *bio;
	int r = open_file(path, 077, &bio, ret_error);

	if (r < 0)
		return r;
	key = calloc(1, sizeof(*key));
	if (key)
		key->pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	ERR_clear_error();
	if (!key || !key->pkey || !EVP_PKEY_is_a(key->pkey, "ED25519")) {
		signing_key_free(key);
		return bundle_fail(ret_error, -EINVAL, "%s: no private key (Ed25519, PEM) in it",
				   path);
	}
	*ret_key = key;
	return 0;
}

void signing_key_free(struct signing_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

/* NULL: the end of the file, or something else than such a key; then *ret_bad is set. */
static EVP_PKEY *next_key(BIO *bio, bool *ret_bad)
{
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	const unsigned char *at;
	EVP_PKEY *pkey = NULL;
	long n;

	if (PEM_read_bio(bio, &name, &header, &der, &n) != 1) {
		*ret_bad = ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
		ERR_clear_error();
		return NULL;
	}
	at = der;
	if (strcmp(name, PEM_STRING_PUBLIC) == 0)
		pkey = d2i_PUBKEY(NULL, &at, n);
	if (pkey && !EVP_PKEY_is_a(pkey, "ED25519")) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	*ret_bad = !pkey;
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	return pkey;
}

static int add_keys(struct signing_keys *keys, const char *path, struct bundle_error *ret_error)
{
	unsigned before = keys->n;
	EVP_PKEY *pkey;
	bool is_bad = false;
	BIO *bio;
	int r = open_file(path, 022, &bio, ret_error);

	if (r < 0)
		return r;
	while (r == 0 && (pkey = next_key(bio, &is_bad))) {
		char *file = strdup(path);

		if (!file)
			r = bundle_fail(ret_error, -ENOMEM, "%s: out of memory", path);
		else if (keys->n == SIGNING_KEYS_MAX)
			r = bundle_fail(ret_error, -EINVAL, "%s: more than %d keys", path,
					SIGNING_KEYS_MAX);
		if (r == 0) {
			keys->keys[keys->n].pkey = pkey;
			keys->keys[keys->n++].file = file;
		} else {
			free(file);
			EVP_PKEY_free(pkey);
		}
	}
	if (r == 0 && (is_bad || keys->n == before))
		r = bundle_fail(ret_error, -EINVAL, "%s: %s", path,
				is_bad ? "something else than public keys (Ed25519, PEM) in it"
				       : "no public key (Ed25519, PEM) in it");
	ERR_clear_error();
	BIO_free(bio);
	return r;
}

static int is_public(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 4 && strcmp(entry->d_name + n - 4, ".pub") == 0;
}

static int add_folder(struct signing_keys *keys, const char *path, struct bundle_error *ret_error)
{
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, is_public, alphasort), r = 0;

	if (n < 0)
		return bundle_fail(ret_error, -errno, "%s: %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		char file[PATH_MAX];

		if (r == 0 && snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name) >=
				      (int)sizeof(file))
			r = bundle_fail(ret_error, -ENAMETOOLONG, "%s: too long a name", path);
		if (r == 0)
			r = add_keys(keys, file, ret_error);
		free(entries[i]);
	}
	free(entries);
	return r;
}

int signing_keys_read(const char *path, struct signing_keys **ret_keys,
		      struct bundle_error *ret_error)
{
	struct signing_keys *keys;
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return bundle_fail(ret_error, -errno, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode) && (st.st_mode & 022) != 0)
		return bundle_fail(ret_error, -EACCES,
				   "%s: mode %04o: group and others must not be able to write it",
				   path, (unsigned)(st.st_mode & 07777));
	keys = calloc(1, sizeof(*keys));
	if (!keys)
		return bundle_fail(ret_error, -ENOMEM, "out of memory");
	r = S_ISDIR(st.st_mode) ? add_folder(keys, path, ret_error)
				: add_keys(keys, path, ret_error);
	if (r < 0)
		signing_keys_free(keys);
	else
		*ret_keys = keys;
	return r;
}

void signing_keys_free(struct signing_keys *keys)
{
	if (!keys)
		return;
	for (unsigned i = 0; i < keys->n; i++) {
		EVP_PKEY_free(keys->keys[i].pkey);
		free(keys->keys[i].file);
	}
	free(keys);
}

/* --- signatures --- */

int signing_sign(const struct signing_key *key, const void *bytes, size_t n,
		 uint8_t signature[SIGNING_SIGNATURE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t length = SIGNING_SIGNATURE;
	bool is_signed = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
			 EVP_DigestSign(context, signature, &length, bytes, n) == 1 &&
			 length == SIGNING_SIGNATURE;

	EVP_MD_CTX_free(context);
	return is_signed ? 0 : -ENOMEM;
}

const char *signing_verify(const struct signing_keys *keys, const void *bytes, size_t n,
			   const uint8_t signature[SIGNING_SIGNATURE])
{
	const char *file = NULL;

	for (unsigned i = 0; i < keys->n && !file; i++) {
		EVP_MD_CTX *context = EVP_MD_CTX_new();

		if (context &&
		    EVP_DigestVerifyInit(context, NULL, NULL, NULL, keys->keys[i].pkey) == 1 &&
		    EVP_DigestVerify(context, signature, SIGNING_SIGNATURE, bytes, n) == 1)
			file = keys->keys[i].file;
		EVP_MD_CTX_free(context);
	}
	ERR_clear_error();
	return file;
}

/* --- what may not be in a bundle --- */

bool signing_is_secret(const void *bytes, size_t n)
{
	static const char pem[] = "PRIVATE KEY-----";
	const unsigned char *at = bytes;
	long length = n < LONG_MAX ? (long)n : LONG_MAX;
	EVP_PKEY *pkey;
	PKCS12 *store;

	if (memmem(bytes, n, pem, sizeof(pem) - 1))
		return true;
	if (n == 0 || at[0] != DER_SEQUENCE) /* libcrypto takes its time to see that */
		return false;
	pkey = d2i_AutoPrivateKey(NULL, &at, length);
	at = bytes;
	store = pkey ? NULL : d2i_PKCS12(NULL, &at, length);
	at = bytes;
	X509_SIG *encrypted = pkey || store ? NULL : d2i_X509_SIG(NULL, &at, length);
	bool is_secret = pkey || store || encrypted;

	EVP_PKEY_free(pkey);
	PKCS12_free(store);
	X509_SIG_free(encrypted);
	ERR_clear_error();
	return is_secret;
}
