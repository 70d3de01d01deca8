/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/aia.h"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "tls/x509.h"

enum { LENGTH = 3 };

char *x509_issuer_url(const X509 *x509)
{
	AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(x509, NID_info_access, NULL, NULL);
	char *url = NULL;

	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access) && !url; i++) {
		const ACCESS_DESCRIPTION *at = sk_ACCESS_DESCRIPTION_value(access, i);
		const ASN1_IA5STRING *uri;
		const char *text;
		int n;

		if (OBJ_obj2nid(at->method) != NID_ad_ca_issuers || at->location->type != GEN_URI)
			continue;
		uri = at->location->d.uniformResourceIdentifier;
		text = (const char *)ASN1_STRING_get0_data(uri);
		n = ASN1_STRING_length(uri);
		if (n > 7 && n < AIA_URL_SIZE && strncasecmp(text, "http://", 7) == 0 &&
		    !memchr(text, '\0', (size_t)n))
			url = strndup(text, (size_t)n);
	}
	AUTHORITY_INFO_ACCESS_free(access);
	return url;
}

/* --- packing --- */

static bool add(uint8_t row[AIA_SIZE_MAX], size_t *n, const X509 *x509)
{
	uint8_t *at = row + *n + LENGTH;
	int length = i2d_X509(x509, NULL);

	if (length <= 0 || *n + LENGTH + (size_t)length > AIA_SIZE_MAX)
		return false;
	row[*n] = (uint8_t)(length >> 16);
	row[*n + 1] = (uint8_t)(length >> 8);
	row[*n + 2] = (uint8_t)length;
	(void)i2d_X509(x509, &at);
	*n += LENGTH + (size_t)length;
	return true;
}

static const STACK_OF(X509) * certificates_of(const PKCS7 *message)
{
	return PKCS7_type_is_signed(message) && message->d.sign ? message->d.sign->cert : NULL;
}

static size_t add_all(const STACK_OF(X509) * all, uint8_t row[AIA_SIZE_MAX])
{
	size_t n = 0;

	for (int i = 0; i < sk_X509_num(all) && i < AIA_CERTIFICATES_MAX; i++)
		if (!add(row, &n, sk_X509_value(all, i)))
			return 0;
	return n;
}

size_t aia_pack(struct der answer, uint8_t row[AIA_SIZE_MAX])
{
	const uint8_t *at = answer.bytes;
	X509 *x509 = d2i_X509(NULL, &at, (long)answer.n);
	PKCS7 *message = NULL;
	size_t n = 0;

	at = answer.bytes;
	if (x509)
		(void)add(row, &n, x509);
	else
		message = d2i_PKCS7(NULL, &at, (long)answer.n);
	if (message)
		n = add_all(certificates_of(message), row);
	PKCS7_free(message);
	X509_free(x509);
	ERR_clear_error();
	return n;
}

/* --- unpacking --- */

unsigned aia_unpack(struct der row, struct der certificates[AIA_CERTIFICATES_MAX])
{
	struct reader reader = reader_of(row.bytes, row.n);
	unsigned n = 0;

	while (reader_left(&reader) > 0) {
		struct reader one = reader_vector(&reader, LENGTH);

		if (!reader_ok(&reader) || reader_left(&one) == 0 || n == AIA_CERTIFICATES_MAX)
			return 0;
		certificates[n++] = (struct der){ .bytes = one.at, .n = reader_left(&one) };
	}
	return n;
}
