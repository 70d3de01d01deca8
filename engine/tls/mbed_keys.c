/* SPDX-License-Identifier: GPL-3.0-or-later */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls/mbed_keys.h"

#include <string.h>

#include "tls/mbed.h"

/* What the key log of NSS calls it; NULL: of no use there. */
static const char *label_of(mbedtls_ssl_key_export_type type)
{
	switch (type) {
	case MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET:
		return "CLIENT_RANDOM";
	case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_HANDSHAKE_TRAFFIC_SECRET:
		return "CLIENT_HANDSHAKE_TRAFFIC_SECRET";
	case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_HANDSHAKE_TRAFFIC_SECRET:
		return "SERVER_HANDSHAKE_TRAFFIC_SECRET";
	case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET:
		return "CLIENT_TRAFFIC_SECRET_0";
	case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET:
		return "SERVER_TRAFFIC_SECRET_0";
	case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_EARLY_SECRET: /* of data that neither side has */
	case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_EARLY_EXPORTER_SECRET:
		break;
	}
	return NULL;
}

static bool is_of(mbedtls_ssl_key_export_type type, bool is_clients)
{
	if (type == MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET)
		return true; /* both sides' */
	return type == (is_clients
				? MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET
				: MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET);
}

void mbed_take_secret(void *context, mbedtls_ssl_key_export_type type, const uint8_t *secret,
		      size_t n, const uint8_t client_random[32], const uint8_t server_random[32],
		      mbedtls_tls_prf_types prf)
{
	const struct session *session = context;
	const struct tls_listener *listener = session->thread->listener;
	const char *label = listener ? label_of(type) : NULL;

	(void)prf;
	if (label)
		listener->tell_secret(listener->context, label, client_random, secret, n);
	for (unsigned i = 0; i < 2; i++) {
		struct protect_secrets *kept = &session->mbed->secrets[i];

		if (!is_of(type, i == 0) || n > sizeof(kept->secret))
			continue;
		memcpy(kept->secret, secret, n);
		kept->n_secret = n;
		memcpy(kept->randoms, server_random, 32);
		memcpy(kept->randoms + 32, client_random, 32);
	}
}

void tls_thread_set_listener(struct tls_thread *thread, const struct tls_listener *listener)
{
	thread->listener = listener;
}
