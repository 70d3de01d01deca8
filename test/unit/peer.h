/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_PEER_H
#define POSTERN_TEST_PEER_H

/*
 * The other end of a handshake, by OpenSSL or by GnuTLS (whose arithmetic is nettle's), restricted
 * to one way of doing it. It never waits. What must not fail is asserted.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <sys/types.h>

enum peer_library { PEER_OPENSSL, PEER_GNUTLS, N_PEER_LIBRARIES };

enum peer_group {
	PEER_X25519,
	PEER_P256,
	PEER_P384,
	PEER_P521,
	PEER_X448,
	PEER_FFDHE2048, /* TLS 1.2: finite fields of the server's choice */
	PEER_FFDHE3072,
	N_PEER_GROUPS,
};

enum peer_cipher { PEER_AES128_GCM, PEER_AES256_GCM, PEER_CHACHA20, PEER_CBC, N_PEER_CIPHERS };

enum peer_signature { PEER_ECDSA, PEER_RSA_PSS, PEER_RSA_PKCS1, N_PEER_SIGNATURES };

struct peer_way {
	enum peer_library library;
	int version;
	enum peer_group group;
	enum peer_cipher cipher; /* CBC: TLS 1.2 only */
	enum peer_signature signature;
};

struct peer_identity {
	X509 *leaf, *ca;
	EVP_PKEY *key; /* NULL: a client, which trusts the CA and insists on www.example.com */
};

struct peer;

struct peer *peer_new(const struct peer_way *way, const struct peer_identity *identity, int fd);
/* One turn of the handshake; true when it is complete. */
bool peer_shake(struct peer *peer);
/* The number of bytes, or -1: not now. */
ssize_t peer_read(struct peer *peer, void *bytes, size_t n);
ssize_t peer_write(struct peer *peer, const void *bytes, size_t n);
void peer_free(struct peer *peer);

#endif
