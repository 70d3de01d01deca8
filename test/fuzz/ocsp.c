/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whatever a responder sends, nothing is believed that the issuer did not sign; and whatever a
 * server's certificate says of whom to ask, the question is one.
 */
#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <string.h>

#include "tls/ocsp.h"

static struct der issuer;

/* Its key is made now: no input can be signed by it. */
static void set_up(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x509 = X509_new();
	uint8_t *bytes = NULL;
	int n;

	assert(key && x509 && X509_set_pubkey(x509, key));
	X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x509), 24 * 3600);
	assert(X509_sign(x509, key, EVP_sha256()) > 0);
	n = i2d_X509(x509, &bytes);
	assert(n > 0);
	issuer = (struct der){ .bytes = bytes, .n = (size_t)n };
	X509_free(x509);
	EVP_PKEY_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct der input = { .bytes = bytes, .n = n };
	struct ocsp_question question;
	unsigned life;

	if (issuer.n == 0)
		set_up();
	assert(ocsp_read(input, issuer, issuer, &life) == OCSP_UNKNOWN);
	if (ocsp_ask(input, issuer, &question) == 0) {
		assert(memchr(question.url, '\0', OCSP_URL_SIZE));
		assert(question.n > 0 && question.n <= OCSP_REQUEST_MAX);
	}
	return 0;
}
