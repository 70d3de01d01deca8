/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_QUIC_KEYS_H
#define POSTERN_TLS_QUIC_KEYS_H

#include <stddef.h>
#include <stdint.h>

/*
 * The keys of a client's Initial packets (RFC 9001 section 5, RFC 9369 section 3.3). Anyone who
 * sees the packets can make them: they come from a connection ID and from constants.
 */

#define QUIC_V1 UINT32_C(0x00000001)
#define QUIC_V2 UINT32_C(0x6b3343cf)

enum {
	QUIC_TAG = 16,    /* bytes that AEAD_AES_128_GCM adds */
	QUIC_SAMPLE = 16, /* bytes of ciphertext that the header's mask is made from */
	QUIC_MASK = 5,
};

struct quic_keys {
	uint8_t key[16];
	uint8_t iv[12];
	uint8_t hp[16]; /* of the header protection */
};

/* `cid` is a Destination Connection ID. 0; -EPROTONOSUPPORT: no such version; -EIO: of mbedTLS. */
int quic_keys_derive(uint32_t version, const uint8_t *cid, size_t n_cid,
		     struct quic_keys *ret_keys);

/* The mask of a header: RFC 9001 section 5.4.3. 0 or -EIO. */
int quic_keys_mask(const struct quic_keys *keys, const uint8_t sample[QUIC_SAMPLE],
		   uint8_t ret_mask[QUIC_MASK]);

/*
 * Decrypts the payload behind `header` where it lies; it ends with its tag and then holds QUIC_TAG
 * bytes less. 0; -EBADMSG: it was not made with these keys; -EIO.
 */
int quic_keys_open(const struct quic_keys *keys, uint64_t number, const uint8_t *header,
		   size_t n_header, uint8_t *payload, size_t n_payload);

#endif
