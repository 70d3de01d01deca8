/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The manual page of the configuration, and the keys that there are. */
#include "test/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "policy/keys.h"

/* The page without roff's mark for a minus: "\-" becomes "-". */
static void read_page(char *page, size_t size)
{
	FILE *file = fopen(POSTERN_TEST_DATA "/../../doc/man/postern.conf.5", "r");
	size_t n;

	assert_non_null(file);
	n = fread(page, 1, size - 1, file);
	fclose(file);
	assert_true(n < size - 1);
	page[n] = '\0';
	for (char *at = page; (at = strstr(at, "\\-"));)
		memmove(at, at + 1, strlen(at));
}

static void test_manual_page_has_every_key(void **state)
{
	static char page[65536];
	unsigned n, n_found = 0;
	const struct config_key *keys = config_keys(&n);

	(void)state;
	read_page(page, sizeof(page));
	for (unsigned i = 0; i < n; i++) {
		char entry[256];

		snprintf(entry, sizeof(entry), "\n.TP\n\\fB%s\\fR: %s\n", keys[i].name,
			 keys[i].fallback);
		if (!strstr(page, entry))
			fail_msg("postern.conf.5 has no '%s: %s'", keys[i].name, keys[i].fallback);
		assert_true(*keys[i].meaning);
	}
	for (const char *at = page; (at = strstr(at, "\n.TP\n\\fB")); at++)
		n_found += strcspn(at + 8, ":") < strcspn(at + 8, "\n");
	assert_int_equal(n_found, n); /* and none that is gone */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_manual_page_has_every_key) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
