/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_CA_FILE_H
#define POSTERN_CERTGEN_CA_FILE_H

#include <openssl/x509.h>
#include <stdbool.h>

/* PEM files of a CA, read with the care that a private key asks for. */

enum {
	CA_FILE_MAX = 8, /* certificates in one file */
};

/* One line, ready to print: "FILE: what is wrong". */
struct ca_error {
	char text[1024];
};

/* Fills *error and returns `code`, so that a check reads `return ca_fail(...)`. */
int ca_fail(struct ca_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The certificates of a file in its order, at least one. Owned: sk_X509_pop_free(s, X509_free). */
int ca_file_certificates(const char *path, STACK_OF(X509) * *ret_certificates,
			 struct ca_error *ret_error);

/* The unencrypted private key of a file that nobody but its owner can access. */
int ca_file_key(const char *path, EVP_PKEY **ret_key, struct ca_error *ret_error);

#endif
