/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/ca_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int ca_fail(struct ca_error *error, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return code;
}

/* A BIO straight on the descriptor: no stdio buffer ever holds a copy of the key. */
static int open_pem(const char *path, bool is_secret, BIO **ret_bio, struct ca_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r = 0;
	struct stat st;

	if (fd < 0)
		return ca_fail(error, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0)
		r = ca_fail(error, -errno, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		r = ca_fail(error, -EINVAL, "%s: not a regular file", path);
	else if (is_secret && (st.st_mode & 077) != 0)
		r = ca_fail(
			error, -EACCES,
			"%s: mode %04o: must not be accessible by group or others, run chmod 0600",
			path, (unsigned)(st.st_mode & 07777));
	BIO *bio = r == 0 ? BIO_new_fd(fd, BIO_CLOSE) : NULL;

	if (!bio) {
		close(fd);
		return r != 0 ? r : ca_fail(error, -ENOMEM, "%s: out of memory", path);
	}
	ERR_clear_error();
	*ret_bio = bio;
	return 0;
}

/* What libcrypto said last, for a person. */
static const char *crypto_text(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "unknown error";
}

static int read_certificates(BIO *bio, const char *path, STACK_OF(X509) * certificates,
			     struct ca_error *error)
{
	X509 *certificate;

	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (sk_X509_num(certificates) >= CA_FILE_MAX ||
		    sk_X509_push(certificates, certificate) <= 0) {
			X509_free(certificate);
			return ca_fail(error, -EINVAL, "%s: more than %d certificates", path,
				       CA_FILE_MAX);
		}
	}
	/* The end of the file is an error to libcrypto too. */
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return ca_fail(error, -EINVAL, "%s: not a PEM certificate: %s", path,
			       crypto_text());
	if (sk_X509_num(certificates) == 0)
		return ca_fail(error, -EINVAL, "%s: holds no PEM certificate", path);
	return 0;
}

int ca_file_certificates(const char *path, STACK_OF(X509) * *ret_certificates,
			 struct ca_error *ret_error)
{
	BIO *bio;
	int r = open_pem(path, false, &bio, ret_error);

	if (r < 0)
		return r;
	STACK_OF(X509) *certificates = sk_X509_new_null();

	if (certificates)
		r = read_certificates(bio, path, certificates, ret_error);
	else
		r = ca_fail(ret_error, -ENOMEM, "%s: out of memory", path);
	BIO_free(bio);
	ERR_clear_error();
	if (r < 0)
		sk_X509_pop_free(certificates, X509_free);
	else
		*ret_certificates = certificates;
	return r;
}

/* Without this libcrypto would ask for the passphrase on the terminal. */
static int no_passphrase(char *buffer, int size, int is_writing, void *data)
{
	(void)buffer;
	(void)size;
	(void)is_writing;
	(void)data;
	return -1;
}

int ca_file_key(const char *path, EVP_PKEY **ret_key, struct ca_error *ret_error)
{
	BIO *bio;
	int r = open_pem(path, true, &bio, ret_error);

	if (r < 0)
		return r;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

	BIO_free(bio);
	if (!key)
		r = ca_fail(ret_error, -EINVAL,
			    "%s: no private key that can be read without a passphrase: %s", path,
			    crypto_text());
	else
		*ret_key = key;
	ERR_clear_error();
	return r;
}
