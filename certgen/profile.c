/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/profile.h"

#include <arpa/inet.h>
#include <string.h>

#include "certgen/x509.h"

/* --- the original --- */

static const char *check_purpose(const struct leaf_tbs *real)
{
	int found;
	EXTENDED_KEY_USAGE *uses =
		X509V3_get_d2i(real->extensions, NID_ext_key_usage, &found, NULL);
	bool is_for_servers = false;

	for (int i = 0; i < sk_ASN1_OBJECT_num(uses); i++) {
		int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(uses, i));

		is_for_servers |= nid == NID_server_auth || nid == NID_anyExtendedKeyUsage;
	}
	sk_ASN1_OBJECT_pop_free(uses, ASN1_OBJECT_free);
	return is_for_servers || found == -1 ? NULL : "its extendedKeyUsage is not for TLS servers";
}

const char *profile_original(const struct forge_order *order, const struct leaf_tbs *real)
{
	const X509_NAME *ca = X509_get_subject_name(order->ca->certificate);

	if (X509_NAME_cmp(real->issuer, ca) == 0)
		return "its issuer is this CA";
	for (int i = 0; i < X509v3_get_ext_count(real->extensions); i++) {
		X509_EXTENSION *extension = X509v3_get_ext(real->extensions, i);

		if (X509_EXTENSION_get_critical(extension) && !X509_supported_extension(extension))
			return "a critical extension of it is unknown";
	}
	return check_purpose(real);
}

/* --- the leaf --- */

static const char *check_uses(X509 *leaf)
{
	uint32_t usage = X509_get_key_usage(leaf);
	const uint32_t allowed = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT;

	if (X509_get_version(leaf) != X509_VERSION_3 || X509_check_ca(leaf) != 0 ||
	    (X509_get_extension_flags(leaf) & EXFLAG_CA) != 0)
		return "it would be a CA";
	if ((usage & KU_DIGITAL_SIGNATURE) == 0 || (usage & ~allowed) != 0 ||
	    X509_get_extended_key_usage(leaf) != XKU_SSL_SERVER)
		return "it would not be for TLS servers alone";
	return NULL;
}

static const char *check_life(X509 *leaf, const struct forge_order *order)
{
	int64_t not_before, not_after;
	const struct ca *ca = order->ca;

	if (x509_time(X509_get0_notBefore(leaf), &not_before) < 0 ||
	    x509_time(X509_get0_notAfter(leaf), &not_after) < 0)
		return "its dates cannot be read";
	if (not_before < ca->not_before || not_before > order->now || not_after > ca->not_after ||
	    not_after <= order->now || not_after > order->now + order->max_lifetime)
		return "its life would be too long";
	return NULL;
}

static const char *check_constraints(X509 *leaf, const struct ca *ca)
{
	for (int i = 0; i < CA_FILE_MAX; i++) {
		if (ca->constraints[i] &&
		    NAME_CONSTRAINTS_check(leaf, ca->constraints[i]) != X509_V_OK)
			return "the CA's name constraints exclude its names";
	}
	return NULL;
}

/* An untrusted leaf warns of any mistake, so also of a name that is not the server's. */
static const char *check_host(X509 *leaf, const struct forge_order *order)
{
	const unsigned flags =
		X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	const char *host = order->host;
	uint8_t address[16];
	int r;

	if (order->kind != CERTGEN_TRUSTED || host[0] == '\0')
		return NULL;
	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		r = X509_check_ip_asc(leaf, host, 0);
	else
		r = X509_check_host(leaf, host, 0, flags, NULL);
	return r == 1 ? NULL : "the client asked for a name that is not among its names";
}

static bool has_key_of(const struct leaf_tbs *leaf, const struct forge_key *key)
{
	const ASN1_STRING *spki = leaf->key->value.sequence;

	return leaf->key->type == V_ASN1_SEQUENCE &&
	       ASN1_STRING_length(spki) == (int)key->spki_length &&
	       memcmp(ASN1_STRING_get0_data(spki), key->spki, key->spki_length) == 0;
}

const char *profile_leaf(const struct forge_order *order, const struct leaf_tbs *leaf)
{
	X509 *x509 = leaf_unsigned(leaf);
	const char *why = NULL;

	/* X509_check_purpose() reads the extensions that the checks look at. */
	if (!x509 || X509_check_purpose(x509, -1, 0) != 1)
		why = "its extensions cannot be read";
	if (!why && !has_key_of(leaf, order->key))
		why = "its key is another";
	if (!why)
		why = check_uses(x509);
	if (!why)
		why = check_life(x509, order);
	if (!why)
		why = check_constraints(x509, order->ca);
	if (!why)
		why = check_host(x509, order);
	X509_free(x509);
	return why;
}
