/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The headers of a packet: whatever is found lies inside of it, does not hang on bytes behind what
 * was read, and a packet cut short has the same facts or none.
 */
#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct packet whole, part;
	size_t cut = n / 2;
	uint8_t *copy;

	if (packet_parse(bytes, n, &whole) < 0)
		return 0;
	assert(whole.protocol == IPPROTO_TCP || whole.protocol == IPPROTO_UDP);
	assert(whole.client.sa.sa_family == whole.server.sa.sa_family);
	assert(whole.n_payload <= n &&
	       (!whole.payload ||
		(whole.payload >= bytes && whole.payload + whole.n_payload <= bytes + n)));
	copy = malloc(cut ? cut : 1);
	assert(copy);
	memcpy(copy, bytes, cut);
	if (packet_parse(copy, cut, &part) == 0) {
		assert(part.protocol == whole.protocol && part.is_syn == whole.is_syn);
		assert(part.sequence == whole.sequence && part.tcp_flags == whole.tcp_flags);
		assert(part.n_payload <= whole.n_payload);
		assert(addr_equal(&part.client, &whole.client));
		assert(addr_equal(&part.server, &whole.server));
	}
	free(copy);
	return 0;
}
