/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/names.h"

#include <stddef.h>
#include <string.h>

#define VERSIONS(X)                                                                                \
	X(0x0300, "SSLv3")                                                                         \
	X(0x0301, "TLSv1.0")                                                                       \
	X(0x0302, "TLSv1.1")                                                                       \
	X(0x0303, "TLSv1.2")                                                                       \
	X(0x0304, "TLSv1.3")

#define GROUPS(X)                                                                                  \
	X(19, "secp192r1")                                                                         \
	X(21, "secp224r1")                                                                         \
	X(22, "secp256k1")                                                                         \
	X(23, "secp256r1")                                                                         \
	X(24, "secp384r1")                                                                         \
	X(25, "secp521r1")                                                                         \
	X(26, "brainpoolp256r1")                                                                   \
	X(27, "brainpoolp384r1")                                                                   \
	X(28, "brainpoolp512r1")                                                                   \
	X(29, "x25519")                                                                            \
	X(30, "x448")                                                                              \
	X(31, "brainpoolp256r1tls13")                                                              \
	X(32, "brainpoolp384r1tls13")                                                              \
	X(33, "brainpoolp512r1tls13")                                                              \
	X(41, "curvesm2")                                                                          \
	X(256, "ffdhe2048")                                                                        \
	X(257, "ffdhe3072")                                                                        \
	X(258, "ffdhe4096")                                                                        \
	X(259, "ffdhe6144")                                                                        \
	X(260, "ffdhe8192")                                                                        \
	X(512, "mlkem512")                                                                         \
	X(513, "mlkem768")                                                                         \
	X(514, "mlkem1024")                                                                        \
	X(4587, "secp256r1mlkem768")                                                               \
	X(4588, "x25519mlkem768")                                                                  \
	X(4589, "secp384r1mlkem1024")                                                              \
	X(0x6399, "x25519kyber768draft00")

/* Those that the engine speaks. */
#define SUITES(X)                                                                                  \
	X(0x1301, "TLS_AES_128_GCM_SHA256")                                                        \
	X(0x1302, "TLS_AES_256_GCM_SHA384")                                                        \
	X(0x1303, "TLS_CHACHA20_POLY1305_SHA256")                                                  \
	X(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")                                       \
	X(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")                                       \
	X(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")                                 \
	X(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")                                         \
	X(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")                                         \
	X(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")                                   \
	X(0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA")                                          \
	X(0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA")                                          \
	X(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")                                            \
	X(0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA")                                            \
	X(0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256")                                       \
	X(0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384")                                       \
	X(0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256")                                         \
	X(0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384")                                         \
	X(0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256")                                           \
	X(0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384")                                           \
	X(0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256")                                     \
	X(0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA")                                              \
	X(0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA")                                              \
	X(0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256")                                           \
	X(0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256")                                           \
	X(0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256")                                               \
	X(0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384")                                               \
	X(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA")                                                  \
	X(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA")                                                  \
	X(0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256")                                               \
	X(0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256")

/* The same. */
#define SIGNATURES(X)                                                                              \
	X(0x0403, "ecdsa_secp256r1_sha256")                                                        \
	X(0x0503, "ecdsa_secp384r1_sha384")                                                        \
	X(0x0603, "ecdsa_secp521r1_sha512")                                                        \
	X(0x0804, "rsa_pss_rsae_sha256")                                                           \
	X(0x0805, "rsa_pss_rsae_sha384")                                                           \
	X(0x0806, "rsa_pss_rsae_sha512")                                                           \
	X(0x0401, "rsa_pkcs1_sha256")                                                              \
	X(0x0501, "rsa_pkcs1_sha384")                                                              \
	X(0x0601, "rsa_pkcs1_sha512")

/* The retired ones of RFC 5246 are still sent by TLS 1.2 peers. */
#define ALERTS(X)                                                                                  \
	X(0, "close_notify")                                                                       \
	X(10, "unexpected_message")                                                                \
	X(20, "bad_record_mac")                                                                    \
	X(21, "decryption_failed")                                                                 \
	X(22, "record_overflow")                                                                   \
	X(30, "decompression_failure")                                                             \
	X(40, "handshake_failure")                                                                 \
	X(41, "no_certificate")                                                                    \
	X(42, "bad_certificate")                                                                   \
	X(43, "unsupported_certificate")                                                           \
	X(44, "certificate_revoked")                                                               \
	X(45, "certificate_expired")                                                               \
	X(46, "certificate_unknown")                                                               \
	X(47, "illegal_parameter")                                                                 \
	X(48, "unknown_ca")                                                                        \
	X(49, "access_denied")                                                                     \
	X(50, "decode_error")                                                                      \
	X(51, "decrypt_error")                                                                     \
	X(60, "export_restriction")                                                                \
	X(70, "protocol_version")                                                                  \
	X(71, "insufficient_security")                                                             \
	X(80, "internal_error")                                                                    \
	X(86, "inappropriate_fallback")                                                            \
	X(90, "user_canceled")                                                                     \
	X(100, "no_renegotiation")                                                                 \
	X(109, "missing_extension")                                                                \
	X(110, "unsupported_extension")                                                            \
	X(111, "certificate_unobtainable")                                                         \
	X(112, "unrecognized_name")                                                                \
	X(113, "bad_certificate_status_response")                                                  \
	X(114, "bad_certificate_hash_value")                                                       \
	X(115, "unknown_psk_identity")                                                             \
	X(116, "certificate_required")                                                             \
	X(120, "no_application_protocol")                                                          \
	X(121, "ech_required")

#define CASE(code, name)                                                                           \
	case code:                                                                                 \
		return name;

const char *names_version(uint16_t version)
{
	switch (version) {
		VERSIONS(CASE)
	}
	return NULL;
}

const char *names_group(uint16_t group)
{
	switch (group) {
		GROUPS(CASE)
	}
	return NULL;
}

bool names_is_post_quantum(uint16_t group)
{
	const char *name = names_group(group);

	return name && (strstr(name, "mlkem") || strstr(name, "kyber"));
}

const char *names_suite(uint16_t suite)
{
	switch (suite) {
		SUITES(CASE)
	}
	return NULL;
}

const char *names_signature(uint16_t algorithm)
{
	switch (algorithm) {
		SIGNATURES(CASE)
	}
	return NULL;
}

const char *names_alert(uint8_t description)
{
	switch (description) {
		ALERTS(CASE)
	}
	return NULL;
}
