/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_PREFIX_H
#define POSTERN_POLICY_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* A block of addresses: "192.0.2.0/24", "2001:db8::/32", or one address without a length. */
struct prefix {
	uint8_t bytes[16]; /* network order; bits beyond the prefix are never looked at */
	uint8_t n_bytes;   /* 4 or 16: the family */
	uint8_t n_bits;
};

/* False: not one; *ret_prefix untouched. */
bool prefix_parse(const char *text, struct prefix *ret_prefix);

bool prefix_contains(const struct prefix *prefix, const union addr *addr);

#endif
