/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_QUIC_FLOW_H
#define POSTERN_TEST_QUIC_FLOW_H

#include <stdlib.h>
#include <string.h>

#include "test/quic_seal.h"
#include "test/unit/cmocka_all.h"
#include "test/unit/quic_frames.h"
#include "tls/quic.h"
#include "tls/quic_keys.h"

/*
 * A flow of packets made here: put_...() collect frames, packet_put() makes a packet of them,
 * feed() hands the datagram to the code under test.
 */

enum {
	N_CID = 8,
	TYPE_INITIAL = 0, /* as version 1 counts */
	TYPE_ZERO_RTT = 1,
	TYPE_HANDSHAKE = 2,
	TYPE_RETRY = 3,
};

static const uint8_t cid[N_CID + 1] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static uint8_t datagram[QUIC_ROOM];
static size_t n_datagram;

static struct quic_seal how;

static inline void how_reset(uint32_t version, unsigned type)
{
	how = (struct quic_seal){
		.version = version,
		.first = (uint8_t)(0xc0 | (type + (version == QUIC_V2)) % 4 << 4 | 1),
		.cid = cid,
		.n_cid = N_CID,
		.key_cid = cid,
		.n_key_cid = N_CID,
		.has_token = type == TYPE_INITIAL,
	};
}

/* Adds a packet with the frames collected to the datagram. */
static inline void packet_put(void)
{
	n_datagram += quic_seal(&how, payload, n_payload, datagram + n_datagram);
	assert_true(n_datagram <= sizeof(datagram));
	n_payload = 0;
	how.number++;
}

static struct quic_hello *quic;

static inline enum quic_result feed(void)
{
	uint8_t *exact = malloc(n_datagram ? n_datagram : 1); /* a sanitizer sees where it ends */
	enum quic_result result;

	assert_non_null(exact);
	memcpy(exact, datagram, n_datagram);
	result = quic_hello_feed(quic, exact, n_datagram);
	free(exact);
	n_datagram = 0;
	return result;
}

/* The frames collected, padded to `size`, as a datagram of one packet. */
static inline enum quic_result feed_padded(size_t size)
{
	size_t head = 1 + 4 + 1 + how.n_cid + 1 + how.n_source + (how.first & 3) + 1 + 2 + QUIC_TAG;

	if (how.has_token)
		head += how.n_token < 64 ? 1 + how.n_token : 4 + how.n_token;
	if (n_payload + head < size)
		put_padding(size - n_payload - head);
	packet_put();
	return feed();
}

static inline enum quic_result feed_packet(void)
{
	return feed_padded(QUIC_DATAGRAM_MIN);
}

static inline void fresh(void)
{
	quic_hello_free(quic);
	quic = quic_hello_new();
	assert_non_null(quic);
	n_payload = n_datagram = 0;
	how_reset(QUIC_V1, TYPE_INITIAL);
}

static inline int setup(void **state)
{
	(void)state;
	quic = NULL;
	hello_make("www.example.com", 600);
	fresh();
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	quic_hello_free(quic);
	return 0;
}

static inline void assert_whole(enum quic_result result, const char *host)
{
	assert_int_equal(result, QUIC_HELLO_WHOLE);
	assert_string_equal(quic_hello_get(quic)->host, host);
	assert_int_equal(feed(), QUIC_HELLO_WHOLE); /* whatever comes */
}

static inline void assert_invalid(enum quic_result result)
{
	assert_int_equal(result, QUIC_INVALID);
	how_reset(QUIC_V1, TYPE_INITIAL);
	n_payload = n_datagram = 0;
	put_crypto(0, n_hello);
	assert_int_equal(feed_packet(), QUIC_INVALID); /* that is final */
	fresh();
}

#endif
