/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/verify.h"

#include <errno.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls/x509.h"

enum {
	/* 112 bits: no SHA-1 or MD5 signatures, no RSA below 2048 bits. */
	AUTH_LEVEL = 2,
};

struct trust {
	atomic_uint n_refs;
	struct x509_context context; /* of all certificates that are judged by it */
	X509_STORE *store;
	uint64_t serial; /* random: nobody has to count */
};

const char *verify_text(enum verify_result result)
{
#define WORD(name, word) [name] = word,
	static const char *const words[] = { VERIFY_RESULTS(WORD) };
#undef WORD

	return words[result];
}

static int load_into(struct trust *trust, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || access(path, R_OK) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return X509_STORE_load_path(trust->store, path) ? 0 : -EINVAL;
	return X509_STORE_load_file_ex(trust->store, path, trust->context.library, NULL) ? 0
											 : -EINVAL;
}

int trust_load(const char *path, struct trust **ret_trust)
{
	struct trust *trust = calloc(1, sizeof(*trust));
	int r;

	if (!trust)
		return -ENOMEM;
	atomic_init(&trust->n_refs, 1);
	x509_context_init(&trust->context);
	trust->store = X509_STORE_new();
	r = trust->store ? load_into(trust, path) : -ENOMEM;
	if (r == 0 && RAND_bytes((uint8_t *)&trust->serial, sizeof(trust->serial)) != 1)
		r = -EIO;
	if (r < 0) {
		trust_free(trust);
		return r;
	}
	*ret_trust = trust;
	return 0;
}

void trust_free(struct trust *trust)
{
	if (!trust || atomic_fetch_sub(&trust->n_refs, 1) > 1)
		return;
	X509_STORE_free(trust->store);
	x509_context_deinit(&trust->context);
	free(trust);
}

struct trust *trust_ref(struct trust *trust)
{
	atomic_fetch_add(&trust->n_refs, 1);
	return trust;
}

uint64_t trust_serial(const struct trust *trust)
{
	return trust->serial;
}

OSSL_LIB_CTX *trust_context(const struct trust *trust)
{
	return trust->context.library;
}

static enum verify_result result_of(int error)
{
	switch (error) {
	case X509_V_OK:
		return VERIFY_OK;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return VERIFY_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return VERIFY_NOT_YET_VALID;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return VERIFY_NAME_MISMATCH;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_UNTRUSTED:
		return VERIFY_UNTRUSTED;
	default:
		return VERIFY_INVALID;
	}
}

static bool set_purpose(X509_STORE_CTX *context, const char *host, const union addr *server)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
	size_t n;
	const uint8_t *bytes = addr_bytes(server, &n);

	if (!X509_STORE_CTX_set_default(context, "ssl_server"))
		return false;
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	/* As browsers do: alternative names alone, whole labels (RFC 6125 section 6.4). */
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
						       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (host[0] != '\0')
		return X509_VERIFY_PARAM_set1_host(param, host, 0);
	return bytes && X509_VERIFY_PARAM_set1_ip(param, bytes, n);
}

static enum verify_result verify(X509_STORE_CTX *context, char ret_detail[VERIFY_DETAIL_SIZE])
{
	int error;

	if (X509_verify_cert(context) == 1)
		return VERIFY_OK;
	error = X509_STORE_CTX_get_error(context);
	snprintf(ret_detail, VERIFY_DETAIL_SIZE, "%s (certificate %d of the chain)",
		 X509_verify_cert_error_string(error), X509_STORE_CTX_get_error_depth(context));
	return error == X509_V_OK ? VERIFY_INVALID : result_of(error);
}

static uint64_t seconds_left(X509_STORE_CTX *context)
{
	STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(context);
	uint64_t left = UINT64_MAX;

	for (int i = 0; i < sk_X509_num(path); i++) {
		int days = 0, seconds = 0;
		int64_t own;

		if (!ASN1_TIME_diff(&days, &seconds, NULL,
				    X509_get0_notAfter(sk_X509_value(path, i))))
			return 0;
		own = (int64_t)days * 86400 + seconds;
		if (own < 0)
			return 0;
		if ((uint64_t)own < left)
			left = (uint64_t)own;
	}
	return left;
}

enum verify_result verify_x509(const struct trust *trust, X509 *leaf, STACK_OF(X509) * others,
			       const char *host, const union addr *server, uint64_t *ret_left,
			       char ret_detail[VERIFY_DETAIL_SIZE])
{
	X509_STORE_CTX *context = X509_STORE_CTX_new_ex(trust->context.library, NULL);
	enum verify_result result = VERIFY_INVALID;

	snprintf(ret_detail, VERIFY_DETAIL_SIZE, "the certificate cannot be read");
	if (leaf && others && context && X509_STORE_CTX_init(context, trust->store, leaf, others) &&
	    set_purpose(context, host, server)) {
		ret_detail[0] = '\0';
		result = verify(context, ret_detail);
		if (ret_left && result == VERIFY_OK)
			*ret_left = seconds_left(context);
	}
	X509_STORE_CTX_free(context);
	return result;
}

enum verify_result verify_chain(const struct trust *trust, const struct der *chain, unsigned n,
				const char *host, const union addr *server,
				char ret_detail[VERIFY_DETAIL_SIZE])
{
	X509 *leaf = n > 0 ? x509_parse(trust->context.library, chain[0]) : NULL;
	STACK_OF(X509) *others = sk_X509_new_null();
	enum verify_result result;

	for (unsigned i = 1; others && i < n && i < VERIFY_CHAIN_MAX; i++)
		x509_push(others, x509_parse(trust->context.library, chain[i]));
	result = verify_x509(trust, leaf, others, host, server, NULL, ret_detail);
	sk_X509_pop_free(others, X509_free);
	X509_free(leaf);
	return result;
}
