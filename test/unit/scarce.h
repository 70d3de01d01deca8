/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_SCARCE_H
#define POSTERN_TEST_SCARCE_H

#include <stdbool.h>

/* Memory that runs out once; for tests with postern_unit_scarce() in CMakeLists.txt. */

/* Of malloc(), calloc() and realloc() in this program (not in shared libraries) the n-th fails. */
void scarce_begin(unsigned n);
/* No more. Whether one has failed. */
bool scarce_end(void);

#endif
