/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_JSON_H
#define POSTERN_TAP_JSON_H

#include <jansson.h>
#include <stdint.h>

/* "2026-11-22T19:00:00.123456+0000" */
json_t *json_time(uint64_t wall_us);

/* A string of any bytes: what is not UTF-8 or is a control character becomes "\xNN" text. */
json_t *json_text(const void *bytes, size_t n);

#endif
