/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/scarce.h"

#include <stdlib.h>

static unsigned left; /* allocations up to the one that fails; 0: none does */
static bool has_failed;

/* The linker puts these in place of the library's. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t n);

void scarce_begin(unsigned n)
{
	left = n;
	has_failed = false;
}

bool scarce_end(void)
{
	left = 0;
	return has_failed;
}

static bool runs_out(void)
{
	if (left == 0 || --left > 0)
		return false;
	has_failed = true;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return runs_out() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return runs_out() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t n)
{
	return runs_out() ? NULL : __real_realloc(old, n);
}
