/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bundles on a box's disk: one is in force, whatever happens to the others. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fleet/generation.h"

static char folder[64];
static struct generations generations;
static struct bundle_error error;
static struct manifest_file files[] = {
	{ .path = "fleet/lists/a.list", .size = 2, .bytes = (const uint8_t *)"a\n" },
	{ .path = "fleet/policy.yaml", .size = 2, .bytes = (const uint8_t *)"b\n" },
	{ .path = "learned.json",
	  .role = MANIFEST_LEARNED,
	  .size = 2,
	  .bytes = (const uint8_t *)"c\n" },
};

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/postern_generation_XXXXXX");
	return mkdtemp(folder) && chdir(folder) == 0 &&
			       generations_open("postern.yaml", &generations, &error) == 0
		       ? 0
		       : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	generations_close(&generations);
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return chdir("/") == 0 ? system(command) : -1;
}

static void check_file(const char *path, mode_t mode, const char *text)
{
	char read[16] = "";
	FILE *file = fopen(path, "r");
	struct stat st;

	assert_non_null(file);
	assert_true(fgets(read, sizeof(read), file));
	assert_string_equal(read, text);
	assert_int_equal(fstat(fileno(file), &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	fclose(file);
}

static void put(uint64_t serial, char id[GENERATION_ID_MAX])
{
	static const uint8_t signature[SIGNING_SIGNATURE];
	struct bundle bundle = { .manifest = { .serial = serial, .files = files, .n = N_OF(files) },
				 .text = (const uint8_t *)"{}\n",
				 .n_text = 3,
				 .signature = signature };

	assert_int_equal(generation_id(&bundle, id), 0);
	assert_int_equal(generation_serial(id), serial);
	assert_int_equal(generation_put(&generations, id, &bundle, &error), 0);
}

static void check_current(const char *id)
{
	char current[GENERATION_ID_MAX];

	assert_int_equal(generations_current(&generations, current, &error), 0);
	assert_string_equal(current, id);
}

static bool is_there(const char *id)
{
	char path[PATH_MAX];

	assert_true(generation_path(&generations, id, "", path));
	return access(path, F_OK) == 0;
}

static void test_switch(void **state)
{
	char one[GENERATION_ID_MAX], two[GENERATION_ID_MAX];

	(void)state;
	umask(077);
	check_current("");
	put(1, one);
	check_current("");
	assert_int_equal(generation_switch(&generations, one, &error), 0);
	check_current(one);
	check_file("fleet/policy.yaml", 0644, "b\n");
	check_file("fleet/lists/a.list", 0644, "a\n");
	check_file("fleet/../learned.json", 0600, "c\n");
	check_file("fleet/../manifest.json", 0644, "{}\n");
	put(2, two);
	put(2, two); /* what a power cut left of it is replaced */
	check_current(one);
	assert_int_equal(symlink("nowhere", "fleet.new"), 0); /* and of the link */
	assert_int_equal(generation_switch(&generations, two, &error), 0);
	check_current(two);
	assert_int_equal(generation_switch(&generations, one, &error), 0);
	check_current(one);
	assert_int_equal(generation_switch(&generations, "", &error), 0);
	check_current("");
	umask(022);
}

static void test_tidy(void **state)
{
	char ids[5][GENERATION_ID_MAX], adopted[GENERATION_ID_MAX];
	const char *const kept[] = { ids[3], "", ids[1], NULL };

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		put(i + 8, ids[i]); /* 9 and 10: no order of texts */
	generations_adopted(&generations, "", adopted);
	assert_string_equal(adopted, "");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(generation_mark_adopted(&generations, ids[i], &error), 0);
	assert_int_equal(generation_mark_adopted(&generations, ids[2], &error), 0);
	generations_adopted(&generations, ids[1], adopted);
	assert_string_equal(adopted, ids[1]);
	generations_adopted(&generations, ids[4], adopted);
	assert_string_equal(adopted, ids[2]);
	assert_int_equal(mkdir("fleet.d/something", 0700), 0);
	generations_tidy(&generations, kept);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(is_there(ids[i]), i == 1 || i == 3);
	assert_int_equal(access("fleet.d/something", F_OK), 0); /* not ours */
}

static void test_refused(void **state)
{
	char id[GENERATION_ID_MAX];
	struct generations others;

	(void)state;
	assert_int_equal(generations_open("postern.yaml", &others, &error), -EBUSY);
	assert_true(generations_open("/nowhere/postern.yaml", &others, &error) < 0);
	assert_int_equal(mkdir("fleet", 0700), 0);
	assert_int_equal(generations_current(&generations, id, &error), -EEXIST);
	put(1, id);
	assert_true(generation_switch(&generations, id, &error) < 0);
	assert_int_equal(access("fleet.new", F_OK), -1);
	assert_int_equal(rmdir("fleet"), 0);
	assert_int_equal(symlink("elsewhere", "fleet"), 0);
	assert_int_equal(generations_current(&generations, id, &error), -EEXIST);
	assert_int_equal(unlink("fleet"), 0);
	assert_int_equal(symlink("fleet.d/1-../fleet", "fleet"), 0);
	assert_int_equal(generations_current(&generations, id, &error), -EEXIST);
}

/* A file where a folder must be: nothing of it stays. */
static void test_conflict(void **state)
{
	static const uint8_t signature[SIGNING_SIGNATURE];
	struct manifest_file odd[] = {
		{ .path = "fleet/a" },
		{ .path = "fleet/a/b" },
	};
	struct bundle bundle = { .manifest = { .serial = 1, .files = odd, .n = N_OF(odd) },
				 .text = (const uint8_t *)"",
				 .signature = signature };
	char id[GENERATION_ID_MAX];

	(void)state;
	assert_int_equal(generation_id(&bundle, id), 0);
	assert_true(generation_put(&generations, id, &bundle, &error) < 0);
	assert_false(is_there(id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
		TEST(test_switch),
		TEST(test_tidy),
		TEST(test_refused),
		TEST(test_conflict),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
