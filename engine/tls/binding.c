/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/binding.h"

void binding_start(struct binding *binding)
{
	mbedtls_sha256_init(&binding->sha256);
	binding->is_sound = mbedtls_sha256_starts(&binding->sha256, 0) == 0;
}

void binding_add(struct binding *binding, const void *bytes, size_t n)
{
	uint64_t length = n;

	binding->is_sound = binding->is_sound &&
			    mbedtls_sha256_update(&binding->sha256, (const uint8_t *)&length,
						  sizeof(length)) == 0 &&
			    mbedtls_sha256_update(&binding->sha256, bytes, n) == 0;
}

void binding_add_list(struct binding *binding, const struct hello_list *list)
{
	uint16_t codes[HELLO_LIST_MAX];
	size_t n = 0;

	for (unsigned i = 0; i < list->n; i++)
		if (!hello_is_grease(list->at[i]))
			codes[n++] = list->at[i];
	binding_add(binding, codes, n * sizeof(codes[0]));
}

bool binding_finish(struct binding *binding, uint8_t ret_digest[BINDING_SIZE])
{
	bool is_made =
		binding->is_sound && mbedtls_sha256_finish(&binding->sha256, ret_digest) == 0;

	mbedtls_sha256_free(&binding->sha256);
	return is_made;
}
