/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_CMOCKA_ALL_H
#define POSTERN_TEST_CMOCKA_ALL_H

/* cmocka.h and the headers that must stand before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
