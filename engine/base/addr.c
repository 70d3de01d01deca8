/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/addr.h"

#include <arpa/inet.h>
#include <string.h>

bool addr_parse(const char *text, uint16_t port, union addr *ret_addr)
{
	union addr addr = { 0 };

	if (inet_pton(AF_INET, text, &addr.v4.sin_addr) == 1)
		addr.sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &addr.v6.sin6_addr) == 1)
		addr.sa.sa_family = AF_INET6;
	else
		return false;
	addr_set_port(&addr, port);
	*ret_addr = addr;
	return true;
}

const char *addr_text(const union addr *addr, char text[ADDR_TEXT_MAX])
{
	size_t n;
	const uint8_t *bytes = addr_bytes(addr, &n);

	if (!bytes || !inet_ntop(addr->sa.sa_family, bytes, text, ADDR_TEXT_MAX))
		strcpy(text, "-");
	return text;
}

uint16_t addr_port(const union addr *addr)
{
	return ntohs(addr->sa.sa_family == AF_INET6 ? addr->v6.sin6_port : addr->v4.sin_port);
}

void addr_set_port(union addr *addr, uint16_t port)
{
	if (addr->sa.sa_family == AF_INET6)
		addr->v6.sin6_port = htons(port);
	else
		addr->v4.sin_port = htons(port);
}

socklen_t addr_len(const union addr *addr)
{
	return addr->sa.sa_family == AF_INET6 ? sizeof(addr->v6) : sizeof(addr->v4);
}

const uint8_t *addr_bytes(const union addr *addr, size_t *ret_n)
{
	switch (addr->sa.sa_family) {
	case AF_INET:
		*ret_n = sizeof(addr->v4.sin_addr);
		return (const uint8_t *)&addr->v4.sin_addr;
	case AF_INET6:
		*ret_n = sizeof(addr->v6.sin6_addr);
		return (const uint8_t *)&addr->v6.sin6_addr;
	default:
		*ret_n = 0;
		return NULL;
	}
}

bool addr_is_loopback(const union addr *addr)
{
	return addr->sa.sa_family == AF_INET
		       ? ntohl(addr->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
		       : addr->sa.sa_family == AF_INET6 &&
				 IN6_IS_ADDR_LOOPBACK(&addr->v6.sin6_addr);
}

struct block {
	uint8_t bytes[4]; /* the first of the address */
	unsigned bits;
};

static bool is_in(const uint8_t *address, const struct block *blocks, unsigned n)
{
	uint32_t first = (uint32_t)address[0] << 24 | (uint32_t)address[1] << 16 |
			 (uint32_t)address[2] << 8 | address[3];

	for (unsigned i = 0; i < n; i++) {
		const uint8_t *b = blocks[i].bytes;
		uint32_t block =
			(uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];

		if ((first ^ block) >> (32 - blocks[i].bits) == 0)
			return true;
	}
	return false;
}

bool addr_is_public(const union addr *addr)
{
	static const struct block v4[] = {
		{ { 0 }, 8 },
		{ { 10 }, 8 },
		{ { 100, 64 }, 10 },
		{ { 127 }, 8 },
		{ { 169, 254 }, 16 },
		{ { 172, 16 }, 12 },
		{ { 192, 0, 0 }, 24 },
		{ { 192, 0, 2 }, 24 },
		{ { 192, 168 }, 16 },
		{ { 198, 18 }, 15 },
		{ { 198, 51, 100 }, 24 },
		{ { 203, 0, 113 }, 24 },
		{ { 224 }, 3 },
	};
	/* Of the one block that is given out, 2000::/3: Teredo, documentation, 6to4. */
	static const struct block v6[] = {
		{ { 0x20, 0x01 }, 32 },
		{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 },
		{ { 0x20, 0x02 }, 16 },
	};
	size_t n;
	const uint8_t *bytes = addr_bytes(addr, &n);

	if (n == 4)
		return !is_in(bytes, v4, sizeof(v4) / sizeof(v4[0]));
	return n == 16 && bytes[0] >> 5 == 1 && !is_in(bytes, v6, sizeof(v6) / sizeof(v6[0]));
}

bool addr_equal(const union addr *a, const union addr *b)
{
	size_t an, bn;
	const uint8_t *ab = addr_bytes(a, &an), *bb = addr_bytes(b, &bn);

	return an == bn && (an == 0 || memcmp(ab, bb, an) == 0) && addr_port(a) == addr_port(b);
}
