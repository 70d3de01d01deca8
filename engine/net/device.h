/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_NET_DEVICE_H
#define POSTERN_NET_DEVICE_H

#include <stdbool.h>

/* Whether there is a network device of that name, and it is up. */
bool device_is_up(const char *name);

#endif
