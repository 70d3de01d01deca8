/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How it works
 *
 * The body may be cut (the TLS library keeps no message over 16 KB) and may be hostile, and a
 * request must be recognised all the same: that the server asked is what decides. So nothing here
 * fails but memory. A vector that says more than is there gives what is there, whole names are
 * taken from it, and is_complete tells that something was missing.
 *
 * Names go to logs. libcrypto writes them as RFC 4514 wants, in printable ASCII only: control
 * characters and all of UTF-8 beyond ASCII are escaped. What it cannot read as a name becomes '#'
 * and the DER in hexadecimal, as RFC 4514 does for values.
 */
#include "tls/certreq.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"

enum {
	VERSION_TLS1_3 = 0x0304,
	EXT_SIGNATURE_ALGORITHMS = 13,
	EXT_CERTIFICATE_AUTHORITIES = 47,
};

/* A vector as in reader_vector(); when it is cut, what there is of it, and *whole becomes false. */
static struct reader vector_or_rest(struct reader *r, size_t width, bool *whole)
{
	size_t n = reader_uint(r, width);

	if (!reader_ok(r) || n > reader_left(r)) {
		*whole = false;
		n = reader_left(r);
	}
	return reader_of(reader_bytes(r, n), n);
}

/* Writes as much of the RFC 4514 text as there is room for. False when it is no name. */
static bool name_print(struct reader der, BIO *memory, char ret_text[CERTREQ_NAME_SIZE])
{
	const unsigned char *at = der.at;
	X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)reader_left(&der));
	bool is_printed =
		name && at == der.end && X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253) >= 0;
	int n;

	X509_NAME_free(name);
	if (!is_printed)
		return false;
	n = BIO_read(memory, ret_text, CERTREQ_NAME_SIZE - 1);
	ret_text[n > 0 ? n : 0] = '\0';
	return true;
}

static void name_dump(struct reader der, char ret_text[CERTREQ_NAME_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	ret_text[n++] = '#';
	while (reader_left(&der) > 0 && n + 2 < CERTREQ_NAME_SIZE) {
		uint8_t byte = reader_u8(&der);

		ret_text[n++] = digits[byte >> 4];
		ret_text[n++] = digits[byte & 15];
	}
	ret_text[n] = '\0';
}

static int name_keep(struct reader der, struct certreq *request)
{
	char(*names)[CERTREQ_NAME_SIZE];
	BIO *memory = BIO_new(BIO_s_mem());

	if (!memory)
		return -ENOMEM;
	names = realloc(request->names, (request->n_kept + 1) * sizeof(*names));
	if (names) {
		request->names = names;
		if (!name_print(der, memory, names[request->n_kept]))
			name_dump(der, names[request->n_kept]);
		request->n_kept++;
	}
	BIO_free(memory);
	return names ? 0 : -ENOMEM;
}

/* The list of authorities, as both versions write it; each name is DER with a length before it. */
static int names_read(struct reader *r, struct certreq *request)
{
	struct reader list = vector_or_rest(r, 2, &request->is_complete);
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	int error = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;

	while (!error && reader_left(&list) > 0) {
		struct reader der = reader_vector(&list, 2);

		if (reader_left(&der) == 0) { /* empty, or cut */
			request->is_complete = false;
			continue;
		}
		request->n_names++;
		if (EVP_DigestUpdate(hash, der.at, reader_left(&der)) != 1)
			error = -ENOMEM;
		else if (request->n_kept < CERTREQ_NAMES_MAX)
			error = name_keep(der, request);
	}
	if (!error && request->n_names > 0 &&
	    EVP_DigestFinal_ex(hash, request->names_sha256, NULL) != 1)
		error = -ENOMEM;
	EVP_MD_CTX_free(hash);
	return error;
}

static void algorithms_count(struct reader *r, struct certreq *request)
{
	struct reader list = vector_or_rest(r, 2, &request->is_complete);

	request->n_signature_algorithms = (unsigned)(reader_left(&list) / 2);
}

/* RFC 5246 section 7.4.4. */
static int request12_read(struct reader *r, struct certreq *request)
{
	vector_or_rest(r, 1, &request->is_complete); /* certificate_types */
	algorithms_count(r, request);
	return names_read(r, request);
}

/* RFC 8446 section 4.3.2. */
static int request13_read(struct reader *r, struct certreq *request)
{
	struct reader extensions;
	bool has_names = false;

	vector_or_rest(r, 1, &request->is_complete); /* certificate_request_context */
	extensions = vector_or_rest(r, 2, &request->is_complete);
	while (reader_left(&extensions) > 0) {
		uint16_t type = reader_u16(&extensions);
		struct reader data = vector_or_rest(&extensions, 2, &request->is_complete);
		int error = 0;

		if (type == EXT_SIGNATURE_ALGORITHMS) {
			algorithms_count(&data, request);
		} else if (type == EXT_CERTIFICATE_AUTHORITIES && has_names) {
			request->is_complete = false; /* sent twice */
		} else if (type == EXT_CERTIFICATE_AUTHORITIES) {
			has_names = true;
			error = names_read(&data, request);
		}
		if (error)
			return error;
	}
	return 0;
}

int certreq_parse(const uint8_t *body, size_t n, uint16_t version, struct certreq *ret_request)
{
	struct certreq request = { .is_complete = true };
	struct reader r = reader_of(body, n);
	int error;

	ERR_set_mark(); /* names that libcrypto cannot read are no error of ours */
	error = version == VERSION_TLS1_3 ? request13_read(&r, &request)
					  : request12_read(&r, &request);
	ERR_pop_to_mark();
	if (error) {
		certreq_deinit(&request);
		return error;
	}
	if (reader_left(&r) > 0)
		request.is_complete = false;
	*ret_request = request;
	return 0;
}

void certreq_deinit(struct certreq *request)
{
	if (!request)
		return;
	free(request->names);
	*request = (struct certreq){ 0 };
}
