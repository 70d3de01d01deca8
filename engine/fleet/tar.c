/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fleet/tar.h"

#include <stdio.h>
#include <string.h>

/* Fields of the header: where they begin; numbers are octal digits with a zero byte behind them. */
enum {
	NAME = 0,
	MODE = 100,
	USER_ID = 108,
	GROUP_ID = 116,
	SIZE = 124,
	SIZE_DIGITS = 11,
	TIME = 136,
	CHECKSUM = 148,
	TYPE = 156,
	MAGIC = 257,
	VERSION = 263,
	USER = 265,
	GROUP = 297,
};

/* Without a zero behind it: what is not written is zero. */
static void put(uint8_t *block, unsigned at, const char *text)
{
	for (; *text; text++)
		block[at++] = (uint8_t)*text;
}

void tar_header(const char *name, uint64_t size, uint8_t block[TAR_BLOCK])
{
	unsigned sum = 0;
	char number[32];

	memset(block, 0, TAR_BLOCK);
	memcpy(block + NAME, name, strnlen(name, TAR_NAME_MAX));
	put(block, MODE, "0000644");
	put(block, USER_ID, "0000000");
	put(block, GROUP_ID, "0000000");
	snprintf(number, sizeof(number), "%0*llo", SIZE_DIGITS, (unsigned long long)size);
	put(block, SIZE, number);
	put(block, TIME, "00000000000");
	put(block, CHECKSUM, "        "); /* counts as spaces */
	put(block, TYPE, "0");
	put(block, MAGIC, "ustar");
	put(block, VERSION, "00");
	put(block, USER, "root");
	put(block, GROUP, "root");
	for (unsigned i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	snprintf(number, sizeof(number), "%06o", sum);
	memcpy(block + CHECKSUM, number, 7); /* its zero, and one of the spaces */
}

bool tar_size(const uint8_t block[TAR_BLOCK], const char *name, uint64_t *ret_size)
{
	uint8_t expected[TAR_BLOCK];
	uint64_t size = 0;

	for (unsigned i = 0; i < SIZE_DIGITS; i++) {
		unsigned digit = block[SIZE + i] - (unsigned)'0';

		if (digit > 7)
			return false;
		size = size << 3 | digit;
	}
	tar_header(name, size, expected);
	if (memcmp(block, expected, TAR_BLOCK) != 0)
		return false;
	*ret_size = size;
	return true;
}

size_t tar_padding(uint64_t size)
{
	return (TAR_BLOCK - (size_t)(size % TAR_BLOCK)) % TAR_BLOCK;
}
