/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Both versions read the same bytes: a body broken in whatever way is still a request, its names
 * are printable, and its counts agree.
 */
#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "tls/certreq.h"
#include "tls/serverhello.h"

static void check(const uint8_t *bytes, size_t n, uint16_t version)
{
	static const uint8_t zero[32];
	struct certreq request;

	assert(certreq_parse(bytes, n, version, &request) == 0);
	assert(request.n_kept <= request.n_names && request.n_kept <= CERTREQ_NAMES_MAX);
	assert((request.n_names == 0) == (memcmp(request.names_sha256, zero, sizeof(zero)) == 0));
	for (unsigned i = 0; i < request.n_kept; i++) {
		assert(memchr(request.names[i], '\0', CERTREQ_NAME_SIZE));
		for (const char *c = request.names[i]; *c; c++)
			assert(*c >= ' ' && *c <= '~');
	}
	certreq_deinit(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	check(bytes, n, 0x0303);
	check(bytes, n, 0x0304);
	/* Two more readers of the server's messages, too small for a target of their own. */
	serverhello_group(bytes, n);
	serverkeyexchange_group(bytes, n);
	return 0;
}
