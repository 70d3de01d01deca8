/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_URLPATH_H
#define POSTERN_POLICY_URLPATH_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The path of a request's target, for rules. The query is no part of it.
 *
 * Servers disagree about what a path means, and whoever wants to evade a rule writes it as only his
 * server understands it. So there are two readings, in lower case: the plain one of RFC 3986, and
 * the one of the most lenient server. What forbids needs only one of them, what allows both.
 */

enum { URLPATH_MAX = 4096 };

struct urlpath {
	bool is_unclear; /* longer than that: forbidden by what forbids anything of this host */
	/* "%2e" is a dot, dot segments are gone; "%2f" is no slash. */
	char plain[URLPATH_MAX + 1];
	/*
	 * All escapes are gone, up to three levels of them; so are doubled slashes, parameters
	 * (";a=b"), dots and blanks at the end of a segment, and what follows a NUL; a backslash is
	 * a slash.
	 */
	char lenient[URLPATH_MAX + 1];
};

void urlpath_read(const char *target, size_t n, struct urlpath *ret_path);

/*
 * A pattern of paths, as the owner writes it: "/admin" is that and everything below it; with a
 * star, which stands for any characters, it is the whole path. NULL, or what is wrong with it.
 */
const char *urlpath_pattern_problem(const char *pattern);
/* What urlpath_matches() wants to see of it, in its place. */
void urlpath_pattern_prepare(char *pattern);

/* In all readings, or in one. */
bool urlpath_matches(const struct urlpath *path, const char *pattern, bool in_all);

#endif
