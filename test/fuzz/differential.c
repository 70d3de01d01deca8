/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two readers of the same bytes: the peek, which decides, and mbedTLS, which would shake hands.
 * What mbedTLS takes for a ClientHello may be malformed to the peek, or too large, but never
 * something that is no TLS and might be passed; and where both take it, they read the same name.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "tls/hello.h"
#include "tls/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	const uint8_t *at;
	size_t left;
} wire;

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context drbg;
static mbedtls_ssl_config config;
static char name[HELLO_HOST_MAX * 2];
static bool has_name;

static int give(void *context, unsigned char *bytes, size_t n)
{
	(void)context;
	if (wire.left == 0)
		return MBEDTLS_ERR_SSL_WANT_READ;
	n = n < wire.left ? n : wire.left;
	memcpy(bytes, wire.at, n);
	wire.at += n;
	wire.left -= n;
	return (int)n;
}

static int ignore(void *context, const unsigned char *bytes, size_t n)
{
	(void)context;
	(void)bytes;
	return (int)n;
}

static int note_name(void *context, mbedtls_ssl_context *ssl, const unsigned char *bytes, size_t n)
{
	(void)context;
	(void)ssl;
	has_name = n < sizeof(name);
	if (has_name)
		memcpy(name, bytes, n);
	name[has_name ? n : 0] = '\0';
	return 0;
}

static void prepare(void)
{
	mbedtls_entropy_init(&entropy);
	mbedtls_ctr_drbg_init(&drbg);
	mbedtls_ssl_config_init(&config);
	if (tls_init() < 0 ||
	    mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, NULL, 0) ||
	    mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_SERVER,
					MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT))
		abort();
	mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &drbg);
	mbedtls_ssl_conf_sni(&config, note_name, NULL);
}

/* The hello was read: the server's turn has come, or something that it needs is missing. */
static bool mbedtls_takes(const uint8_t *data, size_t size)
{
	mbedtls_ssl_context ssl;
	bool is_taken;

	wire.at = data;
	wire.left = size;
	has_name = false;
	mbedtls_ssl_init(&ssl);
	if (mbedtls_ssl_setup(&ssl, &config))
		abort();
	mbedtls_ssl_set_bio(&ssl, NULL, ignore, give, NULL);
	for (unsigned i = 0; i < 4 && ssl.state <= MBEDTLS_SSL_CLIENT_HELLO; i++)
		if (mbedtls_ssl_handshake_step(&ssl) != 0)
			break;
	is_taken = ssl.state > MBEDTLS_SSL_CLIENT_HELLO || has_name;
	mbedtls_ssl_free(&ssl);
	return is_taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hello hello;
	enum hello_result result;

	if (config.endpoint != MBEDTLS_SSL_IS_SERVER)
		prepare();
	if (!mbedtls_takes(data, size))
		return 0;
	result = hello_parse(data, size, &hello);
	if (result == HELLO_NOT_TLS)
		abort();
	/* Each in lower case and without a last dot. */
	if (result == HELLO_WHOLE && has_name && hello.has_sni) {
		size_t n = strlen(name);

		if (n > 0 && name[n - 1] == '.')
			name[n - 1] = '\0';
		if (strcasecmp(name, hello.host) != 0)
			abort();
	}
	return 0;
}
