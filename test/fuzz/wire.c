/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "certgen/wire.h"

/* Every message that parses, written again, is the very bytes that came. */

static void check(bool is_true)
{
	if (!is_true)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t copy[CERTGEN_MESSAGE_MAX];
	uint8_t head[WIRE_REQUEST_HEAD_MAX], keys_copy[WIRE_KEYS_MAX];
	struct certgen_request request;
	struct certgen_answer answer;
	struct wire_keys keys;
	enum wire_type type;

	if (size > sizeof(copy) - WIRE_REQUEST_HEAD_MAX || wire_type(data, size, &type) < 0)
		return 0;
	if (wire_parse_request(data, size, &request) == 0) {
		size_t n = wire_write_request_head(&request, head);

		check(type == WIRE_REQUEST && n + request.leaf_length == size);
		check(memcmp(head, data, n) == 0 &&
		      memcmp(request.leaf, data + n, request.leaf_length) == 0);
	}
	if (wire_parse_answer(data, size, &answer) == 0)
		check(type == WIRE_ANSWER &&
		      wire_write_answer(&answer, copy, sizeof(copy)) == size &&
		      memcmp(copy, data, size) == 0);
	if (wire_parse_keys(data, size, &keys) == 0)
		check(type == WIRE_KEYS && wire_write_keys(&keys, keys_copy) == size &&
		      memcmp(keys_copy, data, size) == 0);
	return 0;
}
