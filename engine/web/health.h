/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_WEB_HEALTH_H
#define POSTERN_WEB_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { HEALTH_WHY_MAX = 128 };

/* Whether all processes are there and answer at `now` (ms); else why not, in words. */
bool health_is_alive(const struct status *status, uint64_t now, char why[HEALTH_WHY_MAX]);
/* And whether new connections are judged. */
bool health_is_ready(const struct status *status, uint64_t now, char why[HEALTH_WHY_MAX]);

#endif
