/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_PATTERN_H
#define POSTERN_POLICY_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A pattern of host names, as the owner writes it:
 *   .gov           the name gov and every name below it
 *   example.com    this name
 *   *.example.com  every name below it, not itself
 *   ads[0-9]*.net  anything else with * ? [ is a glob over the whole name; dots are not special
 * Case does not matter and neither does a dot at the end.
 */

enum pattern_kind { PATTERN_TREE, PATTERN_EXACT, PATTERN_BELOW, PATTERN_GLOB };

enum {
	PATTERN_NAME_MAX = 253, /* bytes of a host name, RFC 1035 section 2.3.4 */
	PATTERN_LABEL_MAX = 63,
};

struct pattern {
	enum pattern_kind kind;
	char name[PATTERN_NAME_MAX + 1]; /* lower case, without the mark in front; or the glob */
};

/* NULL, or what is wrong with the text; *ret_pattern is then untouched. */
const char *pattern_parse(const char *text, struct pattern *ret_pattern);

/* Whether the glob, which pattern_parse() accepted, matches all n bytes of host. */
bool pattern_glob_matches(const char *glob, const char *host, size_t n);

#endif
