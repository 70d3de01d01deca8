/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_WEB_FRAME_H
#define POSTERN_WEB_FRAME_H

#include "base/status.h"
#include "web/text.h"

/* What all pages have around them. */

enum frame_page { FRAME_OVERVIEW, FRAME_HOSTS, FRAME_N_PAGES };

void frame_begin(struct text *text, enum frame_page page);
void frame_end(struct text *text);

/* The line that says what becomes of new connections. */
void frame_door(struct text *text, const struct status *status, uint64_t now);

/* The files that it names; `ret_type` is their media type. NULL: there is no such file. */
const unsigned char *frame_file(const char *path, size_t *ret_n, const char **ret_type);

#endif
