/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_CENSUS_H
#define POSTERN_LEARN_CENSUS_H

#include "learn/entry.h"

/* How many entries there are of each kind. */
struct learned_census {
	uint64_t n[LEARN_N_CLASSES][LEARN_N_STATES];
};

#endif
