/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_MBED_KEYS_H
#define POSTERN_TLS_MBED_KEYS_H

#include <mbedtls/ssl.h>

/*
 * The library calls it when it has a secret: those of the records are kept, and whoever listens is
 * told. `context` is the session.
 */
void mbed_take_secret(void *context, mbedtls_ssl_key_export_type type, const uint8_t *secret,
		      size_t n, const uint8_t client_random[32], const uint8_t server_random[32],
		      mbedtls_tls_prf_types prf);

#endif
