/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_HTTP_PAGE_H
#define POSTERN_HTTP_PAGE_H

#include <stddef.h>

/*
 * The page that a client sees in the place of what was refused: HTML, in which {{host}}, {{path}},
 * {{client}} and {{id}} stand for what is known of the request. All of them are escaped.
 */
struct page_fields {
	const char *host;
	const char *path;
	const char *client;
	const char *id;
};

enum { PAGE_TEMPLATE_MAX = 8192 };

/* The text of the file, to be freed; "": the built-in one. 0, -errno, -EFBIG or -EILSEQ (a NUL). */
int page_load(const char *path, char **ret_template);

/* To be freed; at most `room` bytes with the NUL, and cut there. NULL: no memory. */
char *page_render(const char *template, const struct page_fields *fields, size_t room);

#endif
