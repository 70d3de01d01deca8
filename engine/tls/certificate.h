/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_CERTIFICATE_H
#define POSTERN_TLS_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

/* One certificate or key in DER, borrowed. */
struct der {
	const uint8_t *bytes;
	size_t n;
};

enum {
	CERTIFICATE_NAME_SIZE = 512,
	CERTIFICATE_SANS_MAX = 32,
	CERTIFICATE_SAN_SIZE = 256,
	CERTIFICATE_SHA256_SIZE = 65, /* hexadecimal */
	CERTIFICATE_SHA1_SIZE = 60,
	CERTIFICATE_SERIAL_SIZE = 96,
	CERTIFICATE_TIME_SIZE = 20, /* 2026-11-22T19:00:00 */
};

/*
 * What events say of a certificate, written as Suricata's EVE writes it. Text has no control
 * characters; what is too long is cut.
 */
struct certificate {
	char subject[CERTIFICATE_NAME_SIZE]; /* "C=US, O=Example, CN=www.example" */
	char issuer[CERTIFICATE_NAME_SIZE];
	char serial[CERTIFICATE_SERIAL_SIZE]; /* "0C:00:99:B7" */
	char sha1[CERTIFICATE_SHA1_SIZE];     /* "8f:51:12:..."; of all of it */
	char fingerprint[CERTIFICATE_SHA256_SIZE];
	char not_before[CERTIFICATE_TIME_SIZE]; /* "" when unreadable */
	char not_after[CERTIFICATE_TIME_SIZE];
	uint8_t key_sha256[32]; /* of the SubjectPublicKeyInfo; zero when it cannot be had */
	unsigned n_sans;        /* in the certificate; at most CERTIFICATE_SANS_MAX kept */
	char sans[CERTIFICATE_SANS_MAX][CERTIFICATE_SAN_SIZE];
};

/* 0; -EBADMSG when it does not parse; -ENOMEM. */
int certificate_read(struct der der, struct certificate *ret_certificate);

/* SHA-256 of the SubjectPublicKeyInfo (RFC 5280). 0; -EBADMSG when it does not parse. */
int certificate_key_digest(struct der der, uint8_t ret_digest[32]);

/* SHA-256 of any bytes, and as text. */
void certificate_digest(struct der der, uint8_t ret_digest[32]);
void certificate_hex(const uint8_t digest[32], char ret_text[CERTIFICATE_SHA256_SIZE]);

#endif
