/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reply of an ICAP server: whole, and in every shorter form before it is whole. */
#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <string.h>

#include "http/icap.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct icap_reply reply = { 0 }, early = { 0 };
	size_t n_reply = 0, n_early = 0;

	if (icap_read(bytes, n, &reply, &n_reply) != ICAP_WHOLE)
		return 0;
	assert(n_reply >= 4 && n_reply <= n);
	assert(memcmp(bytes + n_reply - 4, "\r\n\r\n", 4) == 0);
	assert(reply.status >= 100 && reply.status <= 999);
	assert(memchr(reply.found, '\0', sizeof(reply.found)));
	assert(reply.options.preview <= ICAP_PREVIEW_MAX);
	/* What comes behind makes no difference, and half of it is no reply. */
	assert(icap_read(bytes, n_reply, &early, &n_early) == ICAP_WHOLE && n_early == n_reply);
	assert(early.status == reply.status && strcmp(early.found, reply.found) == 0);
	if (n_reply <= ICAP_REPLY_MAX)
		assert(icap_read(bytes, n_reply - 1, &early, &n_early) == ICAP_MORE);
	return 0;
}
