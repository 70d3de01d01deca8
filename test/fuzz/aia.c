/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever an address gives, and whatever the fetcher says of it: certificates, or nothing. */
#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <stdint.h>

#include "tls/aia.h"

static void check(struct der row)
{
	struct der found[AIA_CERTIFICATES_MAX];
	unsigned n = aia_unpack(row, found);
	size_t at = 0;

	assert(n <= AIA_CERTIFICATES_MAX);
	for (unsigned i = 0; i < n; i++) {
		assert(found[i].n > 0 && found[i].bytes == row.bytes + at + 3);
		at += 3 + found[i].n;
	}
	assert(n == 0 || at == row.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static uint8_t row[AIA_SIZE_MAX];
	size_t n_row = aia_pack((struct der){ .bytes = bytes, .n = n }, row);
	struct der packed = { .bytes = row, .n = n_row }, found[AIA_CERTIFICATES_MAX];
	struct certificate certificate;

	check((struct der){ .bytes = bytes, .n = n });
	check(packed);
	assert(n_row <= sizeof(row) && (n_row == 0) == (aia_unpack(packed, found) == 0));
	for (unsigned i = 0, count = aia_unpack(packed, found); i < count; i++)
		assert(certificate_read(found[i], &certificate) == 0);
	return 0;
}
