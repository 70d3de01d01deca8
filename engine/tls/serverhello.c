/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/serverhello.h"

#include "base/reader.h"

enum {
	EXT_KEY_SHARE = 51,
	CURVE_TYPE_NAMED = 3,
};

uint16_t serverhello_group(const uint8_t *body, size_t n)
{
	struct reader r = reader_of(body, n);
	struct reader extensions;

	reader_bytes(&r, 2 + 32); /* legacy_version, random */
	reader_vector(&r, 1);     /* session id */
	reader_bytes(&r, 2 + 1);  /* suite, compression */
	extensions = reader_vector(&r, 2);
	while (reader_left(&extensions) > 0) {
		uint16_t type = reader_u16(&extensions);
		struct reader data = reader_vector(&extensions, 2);

		/* A share in ServerHello, the bare group in HelloRetryRequest: it comes first. */
		if (reader_ok(&extensions) && type == EXT_KEY_SHARE)
			return reader_u16(&data);
	}
	return 0;
}

uint16_t serverkeyexchange_group(const uint8_t *body, size_t n)
{
	struct reader r = reader_of(body, n);
	uint8_t curve_type = reader_u8(&r);

	return curve_type == CURVE_TYPE_NAMED ? reader_u16(&r) : 0;
}
