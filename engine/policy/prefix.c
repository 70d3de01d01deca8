/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/prefix.h"

#include <string.h>

#include "policy/value.h"

bool prefix_parse(const char *text, struct prefix *ret_prefix)
{
	const char *slash = strchrnul(text, '/');
	char head[ADDR_TEXT_MAX];
	struct prefix prefix = { 0 };
	const uint8_t *bytes;
	union addr addr;
	uint64_t n_bits;
	size_t n;

	if ((size_t)(slash - text) >= sizeof(head))
		return false;
	*(char *)mempcpy(head, text, (size_t)(slash - text)) = '\0';
	if (!addr_parse(head, 0, &addr))
		return false;
	bytes = addr_bytes(&addr, &n);
	n_bits = 8 * n;
	if (*slash && !value_number(slash + 1, 0, 8 * n, &n_bits))
		return false;

	memcpy(prefix.bytes, bytes, n);
	prefix.n_bytes = (uint8_t)n;
	prefix.n_bits = (uint8_t)n_bits;
	*ret_prefix = prefix;
	return true;
}

bool prefix_contains(const struct prefix *prefix, const union addr *addr)
{
	unsigned whole = prefix->n_bits / 8, rest = prefix->n_bits % 8;
	size_t n;
	const uint8_t *bytes = addr_bytes(addr, &n);

	if (n != prefix->n_bytes || memcmp(bytes, prefix->bytes, whole) != 0)
		return false;
	return rest == 0 || (bytes[whole] ^ prefix->bytes[whole]) >> (8 - rest) == 0;
}
