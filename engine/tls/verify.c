/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What libcrypto's verifier leaves open is looked at here, on the path that it found: whose CA it
 * is, whether each authority is one by its own words, what the keys are for, how far a wildcard
 * reaches. X509_V_FLAG_X509_STRICT would be more than that: it refuses certificates without key
 * identifiers, which many private authorities make.
 *
 * Revocation: the verifier stops at the first certificate of which it knows nothing. Here it goes
 * on, so that a missing list for one does not hide that another is revoked.
 */
#include "tls/verify.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "tls/trust.h"

enum {
	/* 112 bits: no SHA-1 or MD5 signatures, no RSA below 2048 bits. */
	AUTH_LEVEL = 2,
};

/* What is noted while the verifier goes on. */
struct notes {
	bool is_unknown; /* whether a certificate is revoked; `detail` says which */
	int unsound;     /* depth of the certificate whose list cannot be believed; -1: none */
	char *detail;    /* of VERIFY_DETAIL_SIZE */
};

const char *verify_text(enum verify_result result)
{
#define WORD(name, word) [name] = word,
	static const char *const words[] = { VERIFY_RESULTS(WORD) };
#undef WORD

	return words[result];
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
	case X509_V_ERR_CERT_REVOKED:
		return VERIFY_REVOKED;
	case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
		return VERIFY_UNSUPPORTED;
	default:
		return VERIFY_INVALID;
	}
}

static void say(char *detail, const char *what, int depth)
{
	snprintf(detail, VERIFY_DETAIL_SIZE, "%s (certificate %d of the chain)", what, depth);
}

/* --- revocation --- */

/* There is no list, or one that nobody has to believe. */
static bool is_about_crl(int error, bool *ret_is_unsound)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_CRL_HAS_EXPIRED:
		*ret_is_unsound = false; /* who is on an old list is revoked, nevertheless */
		return true;
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
	case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
	case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
		*ret_is_unsound = true;
		return true;
	default:
		return false;
	}
}

static bool is_anchor(X509_STORE_CTX *context, int depth)
{
	return depth == sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1;
}

/* Of the verifier: 1 goes on in spite of the error. */
static int on_step(int is_ok, X509_STORE_CTX *context)
{
	struct notes *notes = X509_STORE_CTX_get_app_data(context);
	int error = X509_STORE_CTX_get_error(context);
	int depth = X509_STORE_CTX_get_error_depth(context);
	bool is_unsound = false;

	if (is_ok)
		return 1;
	if (error == X509_V_ERR_CERT_REVOKED)
		return depth == notes->unsound;
	if (!is_about_crl(error, &is_unsound))
		return 0;
	if (is_unsound)
		notes->unsound = depth;
	if (is_anchor(context, depth)) /* that it is trusted is the owner's word */
		return 1;
	if (!notes->is_unknown)
		say(notes->detail, X509_verify_cert_error_string(error), depth);
	notes->is_unknown = true;
	return 1;
}

/* --- the engine's own CAs --- */

static bool has_key_of(const X509 *x509, const X509 *ca)
{
	const ASN1_BIT_STRING *a = X509_get0_pubkey_bitstr(x509), *b = X509_get0_pubkey_bitstr(ca);

	return ASN1_STRING_cmp(a, b) == 0;
}

/* Also where its own certificate was not sent along. */
static bool is_below(X509 *x509, X509 *ca)
{
	EVP_PKEY *key = X509_get0_pubkey(ca);

	return key && X509_NAME_cmp(X509_get_issuer_name(x509), X509_get_subject_name(ca)) == 0 &&
	       X509_verify(x509, key) == 1;
}

static bool is_own(const struct trust *trust, X509_STORE_CTX *context)
{
	STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(context);

	for (int i = 0; i < sk_X509_num(path); i++) {
		X509 *x509 = sk_X509_value(path, i);

		for (unsigned k = 0; k < TRUST_OWN_MAX && trust->own[k]; k++)
			if (has_key_of(x509, trust->own[k]) || is_below(x509, trust->own[k]))
				return true;
	}
	return false;
}

/* --- what libcrypto leaves open --- */

/* The name in the certificate that fits is a wildcard for all who registered there. */
static bool is_too_wide(const struct trust *trust, X509_STORE_CTX *context, X509 *leaf,
			const char *host)
{
	const char *fits = X509_VERIFY_PARAM_get0_peername(X509_STORE_CTX_get0_param(context));

	if (!fits || strncmp(fits, "*.", 2) != 0 || !trust_is_public_suffix(trust, fits + 2))
		return false;
	/* Another name in it may fit without. */
	return X509_check_host(leaf, host, 0,
			       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS,
			       NULL) != 1;
}

static enum verify_result check_usage(STACK_OF(X509) * path, const struct verify_subject *subject,
				      char *detail)
{
	int n = sk_X509_num(path);

	/* libcrypto takes an old keyCertSign, or Netscape's word, for basicConstraints. */
	for (int i = 1; i < n - 1; i++) {
		if (X509_check_ca(sk_X509_value(path, i)) == 1)
			continue;
		say(detail, "not an authority", i);
		return VERIFY_INVALID;
	}
	/* And "server gated crypto" for serverAuth. */
	for (int i = 0; i < n - 1; i++) {
		if (X509_get_extended_key_usage(sk_X509_value(path, i)) & XKU_SSL_SERVER)
			continue;
		say(detail, "not for TLS servers", i);
		return VERIFY_INVALID;
	}
	if (subject->must_sign && n > 0 &&
	    !(X509_get_key_usage(sk_X509_value(path, 0)) & KU_DIGITAL_SIGNATURE)) {
		say(detail, "the key is not for signatures", 0);
		return VERIFY_INVALID;
	}
	return VERIFY_OK;
}

static enum verify_result check_path(const struct trust *trust, X509_STORE_CTX *context, X509 *leaf,
				     const struct verify_subject *subject, char *detail)
{
	enum verify_result result =
		check_usage(X509_STORE_CTX_get0_chain(context), subject, detail);

	if (result == VERIFY_OK && subject->host[0] != '\0' &&
	    is_too_wide(trust, context, leaf, subject->host)) {
		say(detail, "a wildcard for a public suffix", 0);
		return VERIFY_NAME_MISMATCH;
	}
	return result;
}

/* --- the verifier --- */

static bool set_purpose(const struct trust *trust, X509_STORE_CTX *context,
			const struct verify_subject *subject)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
	size_t n;
	const uint8_t *bytes = addr_bytes(subject->server, &n);

	if (!X509_STORE_CTX_set_default(context, "ssl_server"))
		return false;
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	if (trust->has_crls &&
	    !X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL))
		return false;
	/* As browsers do: alternative names alone, whole labels (RFC 6125 section 6.4). */
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
						       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (subject->host[0] != '\0')
		return X509_VERIFY_PARAM_set1_host(param, subject->host, 0);
	return bytes && X509_VERIFY_PARAM_set1_ip(param, bytes, n);
}

static enum verify_result verify(const struct trust *trust, X509_STORE_CTX *context, X509 *leaf,
				 const struct verify_subject *subject, char *detail)
{
	char unknown[VERIFY_DETAIL_SIZE] = "";
	struct notes notes = { .unsound = -1, .detail = unknown };
	enum verify_result result;
	int error, is_good;

	if (!X509_STORE_CTX_set_app_data(context, &notes))
		return VERIFY_INVALID;
	X509_STORE_CTX_set_verify_cb(context, on_step);
	is_good = X509_verify_cert(context);
	error = X509_STORE_CTX_get_error(context);
	if (is_own(trust, context)) {
		snprintf(detail, VERIFY_DETAIL_SIZE, "it was made by this appliance");
		return VERIFY_OWN_CA;
	}
	if (is_good != 1) {
		say(detail, X509_verify_cert_error_string(error),
		    X509_STORE_CTX_get_error_depth(context));
		return error == X509_V_OK ? VERIFY_INVALID : result_of(error);
	}
	detail[0] = '\0';
	result = check_path(trust, context, leaf, subject, detail);
	if (result != VERIFY_OK || !notes.is_unknown)
		return result;
	memcpy(detail, unknown, sizeof(unknown));
	return VERIFY_REVOCATION_UNKNOWN;
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

/* NULL: nothing is missing. A certificate that signed itself has no other issuer. */
static X509 *last_of(X509_STORE_CTX *context)
{
	STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(context);
	X509 *last = sk_X509_value(path, sk_X509_num(path) - 1);

	if (!last || X509_NAME_cmp(X509_get_subject_name(last), X509_get_issuer_name(last)) == 0)
		return NULL;
	X509_up_ref(last);
	return last;
}

enum verify_result verify_x509(const struct trust *trust, X509 *leaf, STACK_OF(X509) * others,
			       const struct verify_subject *subject, struct verify_path *ret_path,
			       char ret_detail[VERIFY_DETAIL_SIZE])
{
	X509_STORE_CTX *context = X509_STORE_CTX_new_ex(trust->context.library, NULL);
	enum verify_result result = VERIFY_INVALID;

	snprintf(ret_detail, VERIFY_DETAIL_SIZE, "the certificate cannot be read");
	if (leaf && others && context && X509_STORE_CTX_init(context, trust->store, leaf, others) &&
	    set_purpose(trust, context, subject)) {
		result = verify(trust, context, leaf, subject, ret_detail);
		if (ret_path && result == VERIFY_OK)
			*ret_path =
				(struct verify_path){ .left = seconds_left(context),
						      .chain = X509_STORE_CTX_get1_chain(context) };
		else if (ret_path && result == VERIFY_UNTRUSTED)
			*ret_path = (struct verify_path){ .last = last_of(context) };
	}
	X509_STORE_CTX_free(context);
	return result;
}

enum verify_result verify_chain(const struct trust *trust, const struct der *chain, unsigned n,
				const struct verify_subject *subject,
				char ret_detail[VERIFY_DETAIL_SIZE])
{
	X509 *leaf = n > 0 ? x509_parse(trust->context.library, chain[0]) : NULL;
	STACK_OF(X509) *others = sk_X509_new_null();
	enum verify_result result;

	for (unsigned i = 1; others && i < n && i < VERIFY_CHAIN_MAX; i++)
		x509_push(others, x509_parse(trust->context.library, chain[i]));
	result = verify_x509(trust, leaf, others, subject, NULL, ret_detail);
	sk_X509_pop_free(others, X509_free);
	X509_free(leaf);
	return result;
}
