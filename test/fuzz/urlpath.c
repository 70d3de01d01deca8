/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Both readings of a path begin with a slash, hold no segment that a server could still undo, and
 * are what they are read as again: except for escapes, of which a level may be left.
 */
#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "policy/urlpath.h"

static void check_reading(const char *text)
{
	assert(text[0] == '/' && strlen(text) <= URLPATH_MAX);
	assert(!strstr(text, "/./") && !strstr(text, "/../"));
	for (; *text; text++)
		assert(*text < 'A' || *text > 'Z');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct urlpath path, again;

	urlpath_read((const char *)bytes, n, &path);
	if (path.is_unclear)
		return 0;
	check_reading(path.plain);
	check_reading(path.lenient);
	assert(!strstr(path.lenient, "//") && !strpbrk(path.lenient, "\\;"));
	if (!strpbrk(path.lenient, "%?#")) {
		urlpath_read(path.lenient, strlen(path.lenient), &again);
		assert(strcmp(path.lenient, again.lenient) == 0);
	}
	assert(urlpath_matches(&path, "", true));
	(void)urlpath_matches(&path, "/*a*b", false);
	return 0;
}
