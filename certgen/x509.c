/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/x509.h"

#include <errno.h>
#include <openssl/rand.h>
#include <time.h>

bool x509_set_serial(ASN1_INTEGER *serial)
{
	uint8_t bytes[16];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 0x40;
	BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	bool is_ok = number && BN_to_ASN1_INTEGER(number, serial);

	BN_free(number);
	return is_ok;
}

ASN1_OCTET_STRING *x509_key_id(EVP_PKEY *key)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	X509 *holder = X509_new(); /* only it can be asked for the hash of its key's bits */
	bool is_ok = id && holder && X509_set_pubkey(holder, key) == 1 &&
		     X509_pubkey_digest(holder, EVP_sha256(), hash, NULL) == 1 &&
		     ASN1_OCTET_STRING_set(id, hash, 20) == 1;

	X509_free(holder);
	if (is_ok)
		return id;
	ASN1_OCTET_STRING_free(id);
	return NULL;
}

int x509_time(const ASN1_TIME *time, int64_t *ret_seconds)
{
	struct tm tm;

	if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
		return -EINVAL;
	*ret_seconds = timegm(&tm);
	return 0;
}
