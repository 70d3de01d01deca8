/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

json_t *json_time(uint64_t wall_us)
{
	time_t seconds = (time_t)(wall_us / 1000000);
	char text[64];
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%06u+0000", (unsigned)(wall_us % 1000000));
	return json_string(text);
}

/* C0, DEL, C1 (U+0080 to U+009F). The text is valid UTF-8, in which c2 never comes last. */
static bool is_control(const uint8_t *at)
{
	return at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0);
}

json_t *json_text(const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	char *escaped;
	json_t *string = json_stringn(bytes, n);
	size_t used = 0;

	for (size_t i = 0; i < n && string; i++)
		if (is_control(at + i)) {
			json_decref(string);
			string = NULL;
		}
	if (string)
		return string;
	escaped = malloc(4 * n + 1);
	if (!escaped)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		bool is_plain = at[i] >= 0x20 && at[i] < 0x7f;

		used += (size_t)snprintf(escaped + used, 5, is_plain ? "%c" : "\\x%02x", at[i]);
	}
	string = json_stringn(escaped, used);
	free(escaped);
	return string;
}
