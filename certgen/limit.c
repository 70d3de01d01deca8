/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/limit.h"

enum { ONE = 1000 };

void limit_init(struct limit *limit, unsigned rate, unsigned burst, uint64_t now_ms)
{
	*limit = (struct limit){ .rate = rate, .burst = burst > 0 ? burst : 1, .at = now_ms };
	limit->credit = (uint64_t)limit->burst * ONE;
}

bool limit_take(struct limit *limit, uint64_t now_ms)
{
	const uint64_t full = (uint64_t)limit->burst * ONE;
	uint64_t passed = now_ms > limit->at ? now_ms - limit->at : 0;

	if (limit->rate == 0)
		return true;
	/* `rate` a second is `rate` thousandths a millisecond. */
	if (passed >= full / limit->rate + 1)
		limit->credit = full;
	else
		limit->credit += passed * limit->rate;
	if (limit->credit > full)
		limit->credit = full;
	limit->at += passed;
	if (limit->credit < ONE)
		return false;
	limit->credit -= ONE;
	return true;
}
