/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_ARRAY_H
#define POSTERN_POLICY_ARRAY_H

#include <stdlib.h>

/*
 * Room for one more item in a heap array that holds n and was only ever grown by this function. It
 * doubles: an array is full exactly when n is 0 or a power of two, so no capacity is kept. Returns
 * the array, perhaps moved, or NULL with the old one untouched.
 */
static inline void *array_grow(void *array, size_t n, size_t item_size)
{
	if ((n & (n - 1)) != 0)
		return array;
	return reallocarray(array, n > 0 ? 2 * n : 1, item_size);
}

#endif
