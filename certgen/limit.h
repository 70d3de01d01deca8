/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_LIMIT_H
#define POSTERN_CERTGEN_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* How often something may happen: `rate` times a second, and `burst` times at once after a rest. */
struct limit {
	unsigned rate; /* 0: no limit */
	unsigned burst;
	uint64_t credit; /* in thousandths */
	uint64_t at;     /* ms, when that was so */
};

void limit_init(struct limit *limit, unsigned rate, unsigned burst, uint64_t now_ms);

/* Whether it may happen now; if so, it counts. */
bool limit_take(struct limit *limit, uint64_t now_ms);

#endif
