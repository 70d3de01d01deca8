/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whoever shows a certificate without its key is no server. The chain is judged by verify.c, which
 * cannot know; that mbedTLS checks the signature of the handshake, whatever its authmode, is shown
 * here.
 */
#include "test/unit/cmocka_all.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "test/unit/handshake.h"
#include "tls/upstream.h"

/* The public half of one key, which its certificate has, over the secret of another. */
static EVP_PKEY *make_impostor(EVP_PKEY *shown, EVP_PKEY *held)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY *impostor = NULL;
	BIGNUM *secret = NULL;
	OSSL_PARAM *params;
	uint8_t public[128];
	size_t n;

	assert_int_equal(EVP_PKEY_get_octet_string_param(shown, OSSL_PKEY_PARAM_PUB_KEY, public,
							 sizeof(public), &n),
			 1);
	assert_int_equal(EVP_PKEY_get_bn_param(held, OSSL_PKEY_PARAM_PRIV_KEY, &secret), 1);
	OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
	OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, public, n);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, secret);
	params = OSSL_PARAM_BLD_to_param(builder);
	assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
	assert_int_equal(EVP_PKEY_fromdata(context, &impostor, EVP_PKEY_KEYPAIR, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	BN_free(secret);
	EVP_PKEY_CTX_free(context);
	return impostor;
}

static enum upstream_result shake_hands(int version, X509 *leaf, EVP_PKEY *key, bool asks)
{
	struct tls_thread *thread = tls_thread_new();
	struct hello hello = handshake_hello("curl");
	enum upstream_result result = UPSTREAM_WAIT;
	struct session *session;
	bool is_asked = false;
	struct handshake h;

	handshake_init(&h, TLS_server_method(), version);
	if (asks)
		SSL_CTX_set_verify(h.context, SSL_VERIFY_PEER, NULL);
	assert_int_equal(SSL_CTX_use_certificate(h.context, leaf), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(h.context, key), 1);
	assert_int_equal(upstream_new(&h.sock, thread, &hello, &TLS_LIMITS_NONE, &session), 0);
	handshake_start(&h);
	for (unsigned i = 0; i < HANDSHAKE_ROUNDS && result == UPSTREAM_WAIT; i++) {
		result = is_asked ? upstream_prove(session) : upstream_handshake(session);
		if (result == UPSTREAM_WANTS_CERTIFICATE) {
			is_asked = true;
			result = UPSTREAM_WAIT;
		}
		handshake_turn(&h);
	}
	session_free(session);
	handshake_deinit(&h);
	tls_thread_free(thread);
	return result;
}

static void check_version(int version)
{
	EVP_PKEY *own = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	EVP_PKEY *impostor = make_impostor(own, other);
	struct chain_recipe recipe = { .name = "www.example.com", .key = own, .signer = own };
	X509 *leaf = chain_make(&recipe);

	assert_int_equal(shake_hands(version, leaf, own, false), UPSTREAM_READY);
	assert_int_equal(shake_hands(version, leaf, impostor, false), UPSTREAM_TLS_ERROR);
	assert_int_equal(shake_hands(version, leaf, own, true), UPSTREAM_PROVEN);
	assert_int_equal(shake_hands(version, leaf, impostor, true), UPSTREAM_TLS_ERROR);
	X509_free(leaf);
	EVP_PKEY_free(impostor);
	EVP_PKEY_free(other);
	EVP_PKEY_free(own);
}

static void test_tls12(void **state)
{
	(void)state;
	check_version(TLS1_2_VERSION);
}

static void test_tls13(void **state)
{
	(void)state;
	check_version(TLS1_3_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_tls12),
					    cmocka_unit_test(test_tls13) };
	int failed;

	assert_int_equal(tls_init(), 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tls_deinit();
	return failed;
}
