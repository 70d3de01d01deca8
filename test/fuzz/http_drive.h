/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_FUZZ_HTTP_DRIVE_H
#define POSTERN_FUZZ_HTTP_DRIVE_H

#include "http/http.h"

/*
 * A connection: one byte that says whether somebody judges (bit 0), then pieces, each a byte with
 * its way (bit 0), its length in two bytes, and what was read. It is read in those pieces and byte
 * by byte, which must come to the same: what is sent on, what is reported, what is wrong.
 *
 * Who only looks on changes nothing. Who judges lets nothing go that he refuses, holds no more than
 * a head, and adds no more than he may.
 */
int http_drive(enum http_version version, const uint8_t *bytes, size_t n);

#endif
