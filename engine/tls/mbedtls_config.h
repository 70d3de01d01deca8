/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_MBEDTLS_CONFIG_H
#define POSTERN_TLS_MBEDTLS_CONFIG_H

/*
 * How this engine's mbedTLS differs from the library's own default. The library reads this file
 * after that default (MBEDTLS_USER_CONFIG_FILE), and so does everything that includes its headers.
 *
 * What servers and clients of today may still choose stays on: TLS 1.2 and 1.3; RSA, DHE and ECDHE
 * key exchange; CBC, GCM and ChaCha20-Poly1305; SHA-1 and MD5, for certificates that are only read.
 * Left as they are on purpose: MBEDTLS_USE_PSA_CRYPTO off, as it would key the AEAD anew for every
 * record, and MBEDTLS_FS_IO on, as the trust store is files.
 */

/* The first that takes a ClientHello cut into pieces, and the one all this was tried with. */
#if MBEDTLS_VERSION_NUMBER < 0x03060600
#error "mbedTLS 3.6.6 or later is needed"
#endif

/* --- behaviour --- */

/* Without it, 0-RTT data under a ticket that is not ours cannot be skipped and ends in an alert. */
#define MBEDTLS_SSL_EARLY_DATA

/* Workers share the PSA key store, which TLS 1.3 uses whatever MBEDTLS_USE_PSA_CRYPTO says. */
#define MBEDTLS_THREADING_C
#define MBEDTLS_THREADING_PTHREAD

/* With it, a malformed name in a TLS 1.2 CertificateRequest ends the handshake before we see it. */
#undef MBEDTLS_DEBUG_C

/* Nothing may change under the relayed bytes: a renegotiation is refused, not followed. */
#undef MBEDTLS_SSL_RENEGOTIATION

/* Tables of AES made at first use would be made by several workers at once. */
#define MBEDTLS_AES_ROM_TABLES

/* Random nonces are what hardware tokens and libcrypto use too, and cost one HMAC-DRBG less. */
#undef MBEDTLS_ECDSA_DETERMINISTIC

/* --- speed --- */

/* Larger windows for curve points and RSA: 10 to 20 % of a handshake for a few kilobytes. */
#define MBEDTLS_ECP_WINDOW_SIZE 6
#define MBEDTLS_MPI_WINDOW_SIZE 5

/* No other protection domain can write to our buffers: PSA need not copy them first. */
#define MBEDTLS_PSA_ASSUME_EXCLUSIVE_BUFFERS

/* --- not our protocols --- */

/* TCP only; a datagram flow is never diverted to the engine. */
#undef MBEDTLS_SSL_PROTO_DTLS
#undef MBEDTLS_SSL_DTLS_CONNECTION_ID
#undef MBEDTLS_SSL_DTLS_CONNECTION_ID_COMPAT
#undef MBEDTLS_SSL_DTLS_ANTI_REPLAY
#undef MBEDTLS_SSL_DTLS_HELLO_VERIFY
#undef MBEDTLS_SSL_DTLS_CLIENT_PORT_REUSE
#undef MBEDTLS_SSL_COOKIE_C

/* Keys that both ends share beforehand are theirs, not ours: such a connection is passed. */
#undef MBEDTLS_KEY_EXCHANGE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_DHE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDHE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_RSA_PSK_ENABLED

/* Resumption in TLS 1.3 only together with a fresh key exchange, for forward secrecy. */
#undef MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_ENABLED

/* Static ECDH and J-PAKE: no forward secrecy, and on no server that browsers reach. */
#undef MBEDTLS_KEY_EXCHANGE_ECDH_ECDSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDH_RSA_ENABLED
#undef MBEDTLS_ECJPAKE_C

/* Ciphers that no browser offers. */
#undef MBEDTLS_ARIA_C
#undef MBEDTLS_CAMELLIA_C
#undef MBEDTLS_CCM_C
#undef MBEDTLS_DES_C

/* Curves below 128 bits, or never given a use in TLS 1.3. */
#undef MBEDTLS_ECP_DP_SECP192R1_ENABLED
#undef MBEDTLS_ECP_DP_SECP224R1_ENABLED
#undef MBEDTLS_ECP_DP_SECP192K1_ENABLED
#undef MBEDTLS_ECP_DP_SECP224K1_ENABLED
#undef MBEDTLS_ECP_DP_SECP256K1_ENABLED

/* --- not our job --- */

/* PSA keys live in memory only: a daemon that drops its privileges writes no key files. */
#undef MBEDTLS_PSA_CRYPTO_STORAGE_C
#undef MBEDTLS_PSA_ITS_FILE_C

/* Sockets and clocks are the engine's own. */
#undef MBEDTLS_NET_C
#undef MBEDTLS_TIMING_C

/* Sessions are never written out. */
#undef MBEDTLS_SSL_CONTEXT_SERIALIZATION

/* Certificates are made by certgen, with libcrypto. */
#undef MBEDTLS_X509_CREATE_C
#undef MBEDTLS_X509_CRT_WRITE_C
#undef MBEDTLS_X509_CSR_WRITE_C
#undef MBEDTLS_X509_CSR_PARSE_C

/* Encrypted key files, key wrapping, and hashes and signatures that TLS does not use. */
#undef MBEDTLS_CMAC_C
#undef MBEDTLS_LMS_C
#undef MBEDTLS_NIST_KW_C
#undef MBEDTLS_PKCS12_C
#undef MBEDTLS_PKCS5_C
#undef MBEDTLS_PKCS7_C
#undef MBEDTLS_RIPEMD160_C
#undef MBEDTLS_SHA3_C

/* Tests of the library: the package's builders ran them. */
#undef MBEDTLS_SELF_TEST

#endif
