/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The body of a server's NewSessionTicket; its first byte chooses the hash. */
#include <stdlib.h>

#include "tls/mbed.h"
#include "tls/resumptions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct resumption_secret secrets[] = {
		{ MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_MD_SHA256, { 1 }, 32 },
		{ MBEDTLS_TLS1_3_AES_256_GCM_SHA384, MBEDTLS_MD_SHA384, { 1 }, 48 },
	};
	static bool is_ready;
	struct resumption *resumption;

	if (!is_ready && tls_init() < 0)
		abort();
	is_ready = true;
	if (size == 0)
		return 0;
	resumption = resumption_of_ticket(&secrets[data[0] & 1], reader_of(data + 1, size - 1));
	if (resumption && resumption_seconds(resumption) == 0)
		abort();
	resumption_free(resumption);
	return 0;
}
