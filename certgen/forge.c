/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/forge.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "certgen/leaf.h"
#include "certgen/profile.h"
#include "certgen/x509.h"

/*
 * How it works. The original is parsed by libcrypto, which keeps the bytes of every name and of
 * every extension's value as they came; copying a parsed X509_NAME or an extension's OCTET STRING
 * therefore copies bytes, whatever string types or multi-valued RDNs are in them. A subjectAltName
 * must still parse: we do not put our signature under garbage.
 *
 * A trusted leaf only ever narrows what the verified original said. An untrusted leaf is signed by
 * a CA that nobody trusts and the original may be long expired: its validity is now, so that the
 * unknown issuer is the one thing that the client complains about.
 *
 * The steps below return NULL when all is well, else why not; `failed` marks our own failures.
 */

static const char failed[] = "libcrypto failed";

/* DER of the extensions that never change. */
static const uint8_t no_authority[] = { 0x30, 0x00 };
static const uint8_t usage_sign[] = { 0x03, 0x02, 0x07, 0x80 };          /* digitalSignature */
static const uint8_t usage_sign_encipher[] = { 0x03, 0x02, 0x05, 0xa0 }; /* and keyEncipherment */
static const uint8_t server_auth[] = { 0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06,
				       0x01, 0x05, 0x05, 0x07, 0x03, 0x01 };

/* The engine may only bring keys of the kinds that it says it has. */
static bool is_key_of(const EVP_PKEY *key, enum certgen_key kind)
{
	char curve[32];

	switch (kind) {
	case CERTGEN_KEY_EC:
		return EVP_PKEY_is_a(key, "EC") &&
		       EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1 &&
		       strcmp(curve, "prime256v1") == 0;
	case CERTGEN_KEY_RSA:
		return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) == 2048;
	}
	return false;
}

int forge_key_init(struct forge_key *key, enum certgen_key kind, const uint8_t *spki, size_t n)
{
	const uint8_t *at = spki;
	EVP_PKEY *parsed = n <= sizeof(key->spki) ? d2i_PUBKEY(NULL, &at, (long)n) : NULL;
	int r = parsed && at == spki + n && is_key_of(parsed, kind) ? 0 : -EBADMSG;
	ASN1_OCTET_STRING *id = r == 0 ? x509_key_id(parsed) : NULL;

	EVP_PKEY_free(parsed);
	ERR_clear_error();
	if (r < 0)
		return r;
	if (!id)
		return -ENOMEM;
	*key = (struct forge_key){ .kind = kind, .spki_length = n, .id = id };
	memcpy(key->spki, spki, n);
	return 0;
}

void forge_key_deinit(struct forge_key *key)
{
	ASN1_OCTET_STRING_free(key->id);
	*key = (struct forge_key){ 0 };
}

static const char *add_bytes(struct leaf_tbs *leaf, int nid, bool is_critical, const uint8_t *der,
			     size_t n)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension = NULL;
	bool is_ok = value && ASN1_OCTET_STRING_set(value, der, (int)n) == 1 &&
		     (extension = X509_EXTENSION_create_by_NID(NULL, nid, is_critical, value)) &&
		     X509v3_add_ext(&leaf->extensions, extension, -1) != NULL;

	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	return is_ok ? NULL : failed;
}

static const char *add_value(struct leaf_tbs *leaf, int nid, bool is_critical, void *value)
{
	int r = X509V3_add1_i2d(&leaf->extensions, nid, value, is_critical, X509V3_ADD_APPEND);

	return r == 1 ? NULL : failed;
}

static const char *set_validity(struct leaf_tbs *leaf, const struct forge_order *order,
				const struct leaf_tbs *real, struct forge_leaf *times)
{
	int64_t not_before = order->now - FORGE_BACKDATE;
	int64_t not_after = order->now + order->max_lifetime;
	int64_t real_before, real_after;

	if (not_before < order->ca->not_before)
		not_before = order->ca->not_before;
	if (not_after > order->ca->not_after)
		not_after = order->ca->not_after;
	if (order->kind == CERTGEN_TRUSTED) {
		if (x509_time(real->validity->notBefore, &real_before) < 0 ||
		    x509_time(real->validity->notAfter, &real_after) < 0)
			return "its dates cannot be read";
		if (not_before < real_before)
			not_before = real_before;
		if (not_after > real_after)
			not_after = real_after;
	}
	if (not_before > order->now || not_after <= order->now)
		return "it is not valid now, or the CA is not";
	if (!ASN1_TIME_set(leaf->validity->notBefore, (time_t)not_before) ||
	    !ASN1_TIME_set(leaf->validity->notAfter, (time_t)not_after))
		return failed;
	times->not_before = not_before;
	times->not_after = not_after;
	return NULL;
}

/* A DNS name as it may stand in a certificate: labels of letters, digits, hyphen, underscore. */
static bool is_dns_name(const char *host)
{
	size_t label = 0, n = strlen(host);

	for (size_t i = 0; i < n; i++) {
		if (host[i] == '.' && label == 0)
			return false;
		if (host[i] != '.' && !isalnum((unsigned char)host[i]) && host[i] != '-' &&
		    host[i] != '_')
			return false;
		label = host[i] == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return n <= 253 && label > 0;
}

/* Hands `value` over to a new name; NULL, and it is freed, when memory runs out. */
static GENERAL_NAME *new_name(int type, ASN1_STRING *value)
{
	GENERAL_NAME *name = GENERAL_NAME_new();

	if (name && value) {
		GENERAL_NAME_set0_value(name, type, value);
		return name;
	}
	GENERAL_NAME_free(name);
	ASN1_STRING_free(value);
	return NULL;
}

static ASN1_STRING *new_string(int type, const void *bytes, int n)
{
	ASN1_STRING *string = ASN1_STRING_type_new(type);

	if (string && ASN1_STRING_set(string, bytes, n) == 1)
		return string;
	ASN1_STRING_free(string);
	return NULL;
}

/* The host as the one name of a subjectAltName: iPAddress when it is an address, else dNSName. */
static const char *add_host(struct leaf_tbs *leaf, const char *host, bool is_critical)
{
	uint8_t address[16];
	GENERAL_NAME *name;

	if (inet_pton(AF_INET, host, address) == 1)
		name = new_name(GEN_IPADD, new_string(V_ASN1_OCTET_STRING, address, 4));
	else if (inet_pton(AF_INET6, host, address) == 1)
		name = new_name(GEN_IPADD, new_string(V_ASN1_OCTET_STRING, address, 16));
	else if (is_dns_name(host))
		name = new_name(GEN_DNS, new_string(V_ASN1_IA5STRING, host, -1));
	else
		return "it has no subjectAltName, and the client's name for it is not a host name";
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	const char *why = failed;

	if (name && names && sk_GENERAL_NAME_push(names, name) > 0)
		why = add_value(leaf, NID_subject_alt_name, is_critical, names);
	else
		GENERAL_NAME_free(name);
	GENERAL_NAMES_free(names);
	return why;
}

static const char *add_names(struct leaf_tbs *leaf, const struct forge_order *order,
			     const struct leaf_tbs *real)
{
	bool is_anonymous = X509_NAME_entry_count(real->subject) == 0;
	int found;
	GENERAL_NAMES *names = X509V3_get_d2i(real->extensions, NID_subject_alt_name, &found, NULL);
	int n = names ? sk_GENERAL_NAME_num(names) : 0;

	GENERAL_NAMES_free(names);
	if (X509_NAME_set(&leaf->subject, real->subject) != 1)
		return failed;
	if (n > 0) {
		int at = X509v3_get_ext_by_NID(real->extensions, NID_subject_alt_name, -1);
		const ASN1_OCTET_STRING *value =
			X509_EXTENSION_get_data(X509v3_get_ext(real->extensions, at));

		return add_bytes(leaf, NID_subject_alt_name, is_anonymous,
				 ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	}
	if (found != -1)
		return "its subjectAltName is broken, empty or there twice";
	/* A name that the original does not prove never goes into a leaf that is trusted. */
	if (order->kind == CERTGEN_TRUSTED || order->host[0] == '\0')
		return "it has no subjectAltName";
	return add_host(leaf, order->host, is_anonymous);
}

static const char *add_key(struct leaf_tbs *leaf, const struct forge_key *key, const struct ca *ca)
{
	const uint8_t *at = key->spki;
	AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
	const char *why = failed;

	if (authority && (authority->keyid = ASN1_OCTET_STRING_dup(ca->key_id)) &&
	    d2i_ASN1_TYPE(&leaf->key, &at, (long)key->spki_length))
		why = add_value(leaf, NID_subject_key_identifier, false, key->id);
	if (!why)
		why = add_value(leaf, NID_authority_key_identifier, false, authority);
	AUTHORITY_KEYID_free(authority);
	return why;
}

static const char *add_profile(struct leaf_tbs *leaf, enum certgen_key kind)
{
	const uint8_t *usage = kind == CERTGEN_KEY_RSA ? usage_sign_encipher : usage_sign;
	const char *why =
		add_bytes(leaf, NID_basic_constraints, true, no_authority, sizeof(no_authority));

	if (!why)
		why = add_bytes(leaf, NID_key_usage, true, usage, sizeof(usage_sign));
	if (!why)
		why = add_bytes(leaf, NID_ext_key_usage, false, server_auth, sizeof(server_auth));
	return why;
}

static const char *fill(struct leaf_tbs *leaf, const struct forge_order *order,
			const struct leaf_tbs *real, struct forge_leaf *times)
{
	leaf->version = ASN1_INTEGER_new();
	if (!leaf->version || ASN1_INTEGER_set(leaf->version, X509_VERSION_3) != 1 ||
	    X509_NAME_set(&leaf->issuer, X509_get_subject_name(order->ca->certificate)) != 1 ||
	    !x509_set_serial(leaf->serial))
		return failed;
	const char *why = set_validity(leaf, order, real, times);

	if (!why)
		why = add_names(leaf, order, real);
	if (!why)
		why = add_profile(leaf, order->key->kind);
	if (!why)
		why = add_key(leaf, order->key, order->ca);
	return why;
}

enum certgen_status forge(const struct forge_order *order, struct forge_leaf *ret_leaf,
			  const char **ret_why)
{
	struct leaf *real = leaf_parse(order->leaf, order->leaf_length), *leaf = leaf_new();
	struct forge_leaf result = { 0 };
	const char *why = NULL;

	if (!leaf)
		why = failed;
	else if (!real)
		why = "it is not a certificate";
	else if (order->kind == CERTGEN_TRUSTED)
		why = profile_original(order, real->tbs);
	if (!why)
		why = fill(leaf->tbs, order, real->tbs, &result);
	/* Everything is checked before the CA's key is used. */
	if (!why)
		why = profile_leaf(order, leaf->tbs);
	if (!why) {
		result.der = leaf_sign(leaf, order->ca->key, order->ca->digest, &result.length);
		why = result.der ? NULL : failed;
	}
	result.parts = leaf;
	leaf_free(real);
	ERR_clear_error();
	if (!why) {
		*ret_leaf = result;
		return CERTGEN_OK;
	}
	forge_leaf_deinit(&result);
	*ret_why = why;
	return why == failed ? CERTGEN_FAILED : CERTGEN_REFUSED;
}

void forge_leaf_deinit(struct forge_leaf *leaf)
{
	OPENSSL_free(leaf->der);
	leaf_free(leaf->parts);
	leaf->der = NULL;
	leaf->parts = NULL;
}
