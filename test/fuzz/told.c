/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the engine tells the gate, from an engine that somebody else has taken over: messages, each
 * with a byte of length in front. What is taken of them has the form that it should have, nothing
 * is read twice, and what is told after them arrives.
 */
#undef NDEBUG /* checks that are compiled out check nothing */
#include "net/told.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 32 }; /* messages: fewer than the socket holds */

static unsigned send_all(int line, const uint8_t *bytes, size_t n)
{
	unsigned sent = 0;

	while (n > 0 && sent < MOST) {
		size_t length = bytes[0] < n - 1 ? bytes[0] : n - 1;

		assert(send(line, bytes + 1, length, MSG_DONTWAIT) == (ssize_t)length);
		sent++;
		bytes += 1 + length;
		n -= 1 + length;
	}
	return sent;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	union addr last = { .v4 = { .sin_family = AF_INET, .sin_port = 443 } };
	struct told told;
	unsigned n_sent, n_taken = 0;
	int pair[2];

	assert(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	n_sent = send_all(pair[0], bytes, n);
	assert(told_send(pair[0], &last, TOLD_SECONDS_MAX) == 0);
	/* An empty one ends a round: the socket is still readable, and the next begins. */
	for (unsigned round = 0; round <= n_sent; round++) {
		while (told_receive(pair[1], &told)) {
			sa_family_t family = told.server.sa.sa_family;

			assert(family == AF_INET || family == AF_INET6);
			assert(told.seconds > 0 && told.seconds <= TOLD_SECONDS_MAX);
			n_taken++;
		}
	}
	assert(n_taken > 0 && n_taken <= n_sent + 1);
	assert(addr_equal(&told.server, &last) && told.seconds == TOLD_SECONDS_MAX);
	close(pair[0]);
	assert(told_send(pair[1], &last, 1) < 0); /* nobody hears it: no signal, no wait */
	close(pair[1]);
	return 0;
}
