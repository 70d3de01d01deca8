/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/ocsp.h"

#include <errno.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <string.h>

enum {
	SKEW_S = 300,             /* between our clock and the responder's */
	LIFE_S = 3600,            /* of an answer that does not say */
	LIFE_MAX_S = 24 * 3600,   /* of one that says more */
	TLS_FEATURE_STAPLING = 5, /* status_request */
};

struct pair {
	X509 *leaf, *issuer;
	OCSP_CERTID *id; /* by SHA-1, as all responders know; nothing depends on its strength */
};

static X509 *parse(struct der der)
{
	const uint8_t *at = der.bytes;

	return der.n > 0 ? d2i_X509(NULL, &at, (long)der.n) : NULL;
}

static bool pair_init(struct pair *pair, struct der certificate, struct der issuer)
{
	pair->leaf = parse(certificate);
	pair->issuer = parse(issuer);
	pair->id = pair->leaf && pair->issuer
			   ? OCSP_cert_to_id(EVP_sha1(), pair->leaf, pair->issuer)
			   : NULL;
	return pair->id;
}

static void pair_deinit(struct pair *pair)
{
	OCSP_CERTID_free(pair->id);
	X509_free(pair->issuer);
	X509_free(pair->leaf);
}

/* --- the question --- */

static void find_url(X509 *leaf, char url[OCSP_URL_SIZE])
{
	STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(leaf);

	url[0] = '\0';
	for (int i = 0; i < sk_OPENSSL_STRING_num(urls) && url[0] == '\0'; i++) {
		const char *candidate = sk_OPENSSL_STRING_value(urls, i);

		if (strncasecmp(candidate, "http://", 7) == 0 && strlen(candidate) < OCSP_URL_SIZE)
			strcpy(url, candidate);
	}
	X509_email_free(urls);
}

static bool must_staple(const X509 *leaf)
{
	TLS_FEATURE *features = X509_get_ext_d2i(leaf, NID_tlsfeature, NULL, NULL);
	bool is_found = false;

	for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
		is_found |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) ==
			    TLS_FEATURE_STAPLING;
	sk_ASN1_INTEGER_pop_free(features, ASN1_INTEGER_free);
	return is_found;
}

/* The identity goes to the request. */
static int write_request(OCSP_CERTID *id, struct ocsp_question *question)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	uint8_t *bytes = NULL;
	int n = -1;

	if (request && OCSP_request_add0_id(request, id))
		n = i2d_OCSP_REQUEST(request, &bytes);
	else
		OCSP_CERTID_free(id);
	if (n > 0 && n <= OCSP_REQUEST_MAX) {
		memcpy(question->request, bytes, (size_t)n);
		question->n = (size_t)n;
		certificate_digest((struct der){ .bytes = bytes, .n = (size_t)n }, question->key);
	}
	OPENSSL_free(bytes);
	OCSP_REQUEST_free(request);
	return n < 0 ? -ENOMEM : n > OCSP_REQUEST_MAX ? -EMSGSIZE : 0;
}

int ocsp_ask(struct der certificate, struct der issuer, struct ocsp_question *ret_question)
{
	struct pair pair;
	int r = -EBADMSG;

	if (pair_init(&pair, certificate, issuer)) {
		find_url(pair.leaf, ret_question->url);
		ret_question->must_be_answered = must_staple(pair.leaf);
		r = write_request(pair.id, ret_question);
		pair.id = NULL;
	}
	pair_deinit(&pair);
	return r;
}

/* --- the answer --- */

/*
 * The issuer stands at the end of a path that was verified: what it signed, or whom it made a
 * responder, needs no other anchor. libcrypto looks that a responder has OCSPSigning.
 */
static bool is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	X509_STORE *anchors = X509_STORE_new();
	bool is_good = false;

	if (certificates && anchors && sk_X509_push(certificates, issuer) &&
	    X509_STORE_add_cert(anchors, issuer) &&
	    X509_STORE_set_flags(anchors, X509_V_FLAG_PARTIAL_CHAIN))
		is_good = OCSP_basic_verify(basic, certificates, anchors, 0) == 1;
	sk_X509_free(certificates);
	X509_STORE_free(anchors);
	return is_good;
}

static unsigned life_of(const ASN1_GENERALIZEDTIME *next)
{
	int days, seconds;
	int64_t life;

	if (!next)
		return LIFE_S;
	if (!ASN1_TIME_diff(&days, &seconds, NULL, next))
		return 0;
	life = (int64_t)days * 86400 + seconds;
	return life < 0 ? 0 : life > LIFE_MAX_S ? LIFE_MAX_S : (unsigned)life;
}

static enum ocsp_status find(OCSP_BASICRESP *basic, OCSP_CERTID *id, unsigned *ret_life)
{
	ASN1_GENERALIZEDTIME *this, *next;
	int status;

	if (!OCSP_resp_find_status(basic, id, &status, NULL, NULL, &this, &next) ||
	    !OCSP_check_validity(this, next, SKEW_S, -1))
		return OCSP_UNKNOWN;
	*ret_life = life_of(next);
	switch (status) {
	case V_OCSP_CERTSTATUS_GOOD:
		return OCSP_GOOD;
	case V_OCSP_CERTSTATUS_REVOKED:
		return OCSP_REVOKED;
	default:
		return OCSP_UNKNOWN;
	}
}

enum ocsp_status ocsp_read(struct der answer, struct der certificate, struct der issuer,
			   unsigned *ret_life)
{
	const uint8_t *at = answer.bytes;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)answer.n);
	OCSP_BASICRESP *basic = NULL;
	enum ocsp_status status = OCSP_UNKNOWN;
	struct pair pair = { 0 };

	*ret_life = 0;
	if (response && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
		basic = OCSP_response_get1_basic(response);
	if (basic && pair_init(&pair, certificate, issuer) && is_signed(basic, pair.issuer))
		status = find(basic, pair.id, ret_life);
	pair_deinit(&pair);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	return status;
}
