/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libcrypto 3 hands the public key of each certificate that it parses to its decoders, and to find
 * the right one it goes through all it has, of every key and every format, once for each key: some
 * 200 us, several times what all the rest takes. So there is a context whose only provider is the
 * default one with most of those left out: what remains reads, and holds, public keys that TLS can
 * use.
 */
#include "tls/x509.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { CHOSEN_MAX = 16 };

/* The same in every context: libcrypto's own tables, which nobody can change, and a part of one. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static OSSL_PROVIDER *whole; /* NULL: it cannot be had */
static OSSL_ALGORITHM decoders[CHOSEN_MAX + 1], managers[CHOSEN_MAX + 1];

/* `algorithm_names`: "RSA:rsaEncryption:1.2.840.113549.1.1.1". */
static bool is_key_of_tls(const OSSL_ALGORITHM *algorithm)
{
	static const char *const keys[] = { "RSA", "RSA-PSS", "EC", "ED25519", "ED448" };
	size_t n = strcspn(algorithm->algorithm_names, ":");

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i]) == n && memcmp(keys[i], algorithm->algorithm_names, n) == 0)
			return true;
	return false;
}

static bool reads_keys_of_tls(const OSSL_ALGORITHM *decoder)
{
	return strstr(decoder->property_definition, "input=der") &&
	       strstr(decoder->property_definition, "structure=SubjectPublicKeyInfo") &&
	       is_key_of_tls(decoder);
}

static void choose(int operation, bool (*is_wanted)(const OSSL_ALGORITHM *),
		   OSSL_ALGORITHM chosen[CHOSEN_MAX + 1])
{
	int is_volatile = 0;
	const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, operation, &is_volatile);

	for (unsigned n = 0; all && all->algorithm_names && n < CHOSEN_MAX; all++)
		if (is_wanted(all))
			chosen[n++] = *all;
}

static void make_tables(void)
{
	whole = OSSL_PROVIDER_load(NULL, "default");
	if (!whole)
		return;
	choose(OSSL_OP_DECODER, reads_keys_of_tls, decoders);
	choose(OSSL_OP_KEYMGMT, is_key_of_tls, managers);
}

static const OSSL_ALGORITHM *algorithms(void *provider, int operation, int *ret_is_volatile)
{
	(void)provider;
	*ret_is_volatile = 0;
	if (operation == OSSL_OP_DECODER)
		return decoders;
	if (operation == OSSL_OP_KEYMGMT)
		return managers;
	return OSSL_PROVIDER_query_operation(whole, operation, ret_is_volatile);
}

/* What the algorithms are told is their provider is the default one, to which they belong. */
static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
			 const OSSL_DISPATCH **ret_own, void **ret_provider)
{
	static const OSSL_DISPATCH own[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))algorithms },
		{ 0, NULL },
	};

	(void)handle;
	(void)core;
	*ret_own = own;
	*ret_provider = OSSL_PROVIDER_get0_provider_ctx(whole);
	return 1;
}

void x509_context_init(struct x509_context *context)
{
	pthread_once(&once, make_tables);
	*context = (struct x509_context){ .library = whole ? OSSL_LIB_CTX_new() : NULL };
	if (!context->library)
		return;
	if (OSSL_PROVIDER_add_builtin(context->library, "postern", provider_init))
		context->provider = OSSL_PROVIDER_load(context->library, "postern");
	if (!context->provider)
		x509_context_deinit(context);
}

void x509_context_deinit(struct x509_context *context)
{
	if (context->provider)
		OSSL_PROVIDER_unload(context->provider);
	OSSL_LIB_CTX_free(context->library);
	*context = (struct x509_context){ 0 };
}

X509 *x509_parse(OSSL_LIB_CTX *context, struct der der)
{
	const uint8_t *at = der.bytes;
	X509 *x509 = context ? X509_new_ex(context, NULL) : NULL;

	if (x509 && d2i_X509(&x509, &at, (long)der.n))
		return x509;
	/* In place it must be flawless; what is wrong with it, the verifier is to say. */
	at = der.bytes;
	return d2i_X509(NULL, &at, (long)der.n);
}

void x509_push(STACK_OF(X509) * stack, X509 *x509)
{
	/* One that does not parse cannot be needed by a chain that verifies. */
	if (x509 && !sk_X509_push(stack, x509))
		X509_free(x509);
}
