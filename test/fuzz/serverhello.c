/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The group of a key exchange stands in the message: it is either none or two bytes of it, it does
 * not hang on bytes behind it, and a prefix has the same or none.
 */
#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "tls/serverhello.h"

static void check(uint16_t (*group_of)(const uint8_t *, size_t), const uint8_t *bytes, size_t n)
{
	uint16_t group = group_of(bytes, n), shorter;
	const uint8_t big[] = { (uint8_t)(group >> 8), (uint8_t)group };
	size_t cut = n / 2;
	uint8_t *copy = malloc(cut ? cut : 1);

	assert(group == 0 || memmem(bytes, n, big, sizeof(big)));
	assert(copy);
	if (cut > 0)
		memcpy(copy, bytes, cut);
	shorter = group_of(copy, cut);
	assert(shorter == 0 || shorter == group);
	free(copy);
	(void)names_group(group);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	check(serverhello_group, bytes, n);
	check(serverkeyexchange_group, bytes, n);
	return 0;
}
