/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_HTTP_LINE_H
#define POSTERN_HTTP_LINE_H

#include <stdbool.h>

#include "base/reader.h"

/*
 * The lines of a head of HTTP/1.1 in the strictest grammar of RFC 9112: what two readers could read
 * differently is an error here.
 */

/* Up to CR LF, which is taken as well. A lone CR or LF is an error. */
struct reader line_read(struct reader *r);
/* Up to that byte, which is taken as well. */
struct reader line_until(struct reader *r, char stop);
/* Without the blanks around it. */
struct reader line_trim(struct reader part);

/* The very word, case aside. */
bool line_is(const struct reader *part, const char *word);
/* RFC 9110 section 5.6.2 */
bool line_is_token(const struct reader *part);
/* Blanks and what can be seen; in UTF-8, too, as far as this is concerned. */
bool line_is_value(const struct reader *part);
/* ASCII that can be seen, and some of it. */
bool line_is_visible(const struct reader *part);

#endif
