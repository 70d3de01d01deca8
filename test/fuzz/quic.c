/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Datagrams of one flow. An input is a list of items: a byte that says what it is, two of length,
 * the bytes. No mutation finds a packet that authenticates, so most kinds of item are payloads that
 * are sealed here; packets may share a datagram.
 *
 * What is whole must be a hello, and must be the same when the datagrams that it took come in
 * reverse: an order may at most be refused (the server's ID first), never read as another hello.
 */
#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "test/hello_cut.h"
#include "test/quic_seal.h"
#include "tls/quic.h"

enum {
	ITEMS_MAX = 16,
	ROOM = 70000,
	/* of an item's first byte */
	IS_SEALED = 0x01,
	IS_V2 = 0x02,
	HAS_TOKEN = 0x04,
	HAS_SERVER_ID = 0x08,
	HAS_OWN_KEYS = 0x10, /* of the server's ID */
	IS_ZERO_RTT = 0x20,
	IS_LAST = 0x40, /* packet of its datagram, which is then padded */
	IS_BROKEN = 0x80,
};

static const uint8_t cid[8] = { 0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08 };
static const uint8_t server_cid[5] = { 1, 2, 3, 4, 5 };

struct flow {
	unsigned n;
	size_t lengths[ITEMS_MAX];
	uint8_t *at[ITEMS_MAX]; /* each a block of its size: a sanitizer sees where it ends */
};

static uint8_t datagram[2 * ROOM + QUIC_SEAL_ROOM];

static size_t item_seal(uint8_t kind, unsigned number, const uint8_t *payload, size_t n,
			uint8_t *packet)
{
	int is_v2 = (kind & IS_V2) != 0, is_zero_rtt = (kind & IS_ZERO_RTT) != 0;
	const uint8_t *server = kind & HAS_SERVER_ID ? server_cid : cid;
	struct quic_seal how = {
		.version = is_v2 ? UINT32_C(0x6b3343cf) : 1,
		.first = (uint8_t)(0xc0 | (is_v2 + is_zero_rtt) << 4 | (number & 3)),
		.cid = server,
		.n_cid = kind & HAS_SERVER_ID ? sizeof(server_cid) : sizeof(cid),
		.key_cid = kind & HAS_OWN_KEYS ? server_cid : cid,
		.n_key_cid = kind & HAS_OWN_KEYS ? sizeof(server_cid) : sizeof(cid),
		.token = cid,
		.n_token = kind & HAS_TOKEN ? sizeof(cid) : 0,
		.has_token = !is_zero_rtt,
		.number = number,
	};

	return quic_seal(&how, payload, n, packet);
}

static void flow_add(struct flow *flow, size_t n)
{
	uint8_t *bytes = malloc(n > 0 ? n : 1);

	assert(bytes);
	memcpy(bytes, datagram, n);
	flow->lengths[flow->n] = n;
	flow->at[flow->n++] = bytes;
}

static void flow_read(const uint8_t *bytes, size_t n, struct flow *flow)
{
	size_t n_datagram = 0;

	for (unsigned number = 0; n >= 3 && flow->n < ITEMS_MAX; number++) {
		static uint8_t payload[ROOM];
		uint8_t kind = bytes[0];
		size_t length = (size_t)bytes[1] << 8 | bytes[2];

		bytes += 3;
		n -= 3;
		length = length < n ? length : n;
		if (!(kind & IS_SEALED)) {
			memcpy(datagram, bytes, length);
			flow_add(flow, length);
			n_datagram = 0;
		} else if (n_datagram < ROOM) {
			size_t n_padded = length;

			memcpy(payload, bytes, length);
			if (kind & IS_LAST && n_datagram + length < QUIC_DATAGRAM_MIN)
				n_padded = QUIC_DATAGRAM_MIN - n_datagram;
			memset(payload + length, 0, n_padded - length);
			n_datagram +=
				item_seal(kind, number, payload, n_padded, datagram + n_datagram);
			datagram[n_datagram - 1] ^= (kind & IS_BROKEN) != 0;
			if (kind & IS_LAST) {
				flow_add(flow, n_datagram);
				n_datagram = 0;
			}
		}
		bytes += length;
		n -= length;
	}
}

/* Feeds it until the hello is whole; flow->n is then how many datagrams that took. */
static enum quic_result flow_feed(struct flow *flow, struct quic_hello *quic, int is_reversed)
{
	enum quic_result result = QUIC_NOT_INITIAL;

	for (unsigned i = 0; i < flow->n; i++) {
		unsigned k = is_reversed ? flow->n - 1 - i : i;
		enum quic_result last = result;

		result = quic_hello_feed(quic, flow->at[k], flow->lengths[k]);
		assert(result <= QUIC_INVALID);
		assert(last != QUIC_INVALID || result == last);
		if (result == QUIC_HELLO_WHOLE) {
			assert(quic_hello_feed(quic, datagram, 0) == QUIC_HELLO_WHOLE);
			flow->n = i + 1;
		}
	}
	return result;
}

static void check(struct flow *flow)
{
	struct quic_hello *quic = quic_hello_new(), *reversed = quic_hello_new();
	const struct hello *hello, *again;

	assert(quic && reversed);
	hello = quic_hello_get(quic);
	again = quic_hello_get(reversed);
	if (flow_feed(flow, quic, 0) == QUIC_HELLO_WHOLE) {
		assert(hello->wire_length > 4 && hello->wire_length <= QUIC_HELLO_MAX);
		assert(strlen(hello->host) < 254 && hello->has_sni == (hello->host[0] != '\0'));
		if (flow_feed(flow, reversed, 1) == QUIC_HELLO_WHOLE)
			assert(hello_is_same(hello, again));
	}
	quic_hello_free(quic);
	quic_hello_free(reversed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct flow flow = { 0 };
	unsigned n_all;

	flow_read(bytes, n, &flow);
	n_all = flow.n;
	check(&flow);
	for (unsigned i = 0; i < n_all; i++)
		free(flow.at[i]);
	return 0;
}
