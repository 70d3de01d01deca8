/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The status page: what it takes over from an older one, whom it believes to be alive. */
#include "test/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"

static char folder[] = "/tmp/status_test.XXXXXX";
static char path[64], temporary[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/status", folder);
	snprintf(temporary, sizeof(temporary), "%s/status.new", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)unlink(temporary);
	return rmdir(folder);
}

static void test_both_see_the_same_page(void **state)
{
	struct status *status;
	const struct status *seen;
	struct stat file;

	(void)state;
	assert_int_equal(status_create(path, &status), 0);
	assert_int_equal(status_open(path, &seen), 0);
	status->n_flows = 7;
	assert_int_equal(seen->n_flows, 7);
	assert_true(seen->started > 0);
	assert_int_equal(seen->door, STATUS_DOOR_UNKNOWN);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0644);
	assert_int_equal(access(temporary, F_OK), -1);
	status_close(seen);
	status_close(status);
	status_close(NULL);
}

static void test_failures_outlive_the_program(void **state)
{
	struct status *old, *new;

	(void)state;
	assert_int_equal(status_create(path, &old), 0);
	old->n_workers = 2;
	old->beat[0] = old->beat[1] = 1000;
	old->door = STATUS_DOOR_CLOSED;
	old->failed_from = 5;
	old->failed_until = 6;
	old->failed_why = STATUS_WHY_WORKER;
	old->failed_unjudged = 3;
	old->unjudged = 4;
	assert_int_equal(status_create(path, &new), 0);
	assert_ptr_not_equal(old, new);
	assert_int_equal(new->n_workers, 0);
	assert_int_equal(new->beat[0], 0);
	assert_int_equal(new->door, STATUS_DOOR_UNKNOWN);
	assert_int_equal(new->failed_from, 5);
	assert_int_equal(new->failed_until, 6);
	assert_int_equal(new->failed_why, STATUS_WHY_WORKER);
	assert_int_equal(new->failed_unjudged, 3);
	assert_int_equal(new->unjudged, 4);
	new->n_flows = 1; /* whoever has the old page writes on, and disturbs nobody */
	old->n_flows = 9;
	assert_int_equal(new->n_flows, 1);
	status_close(old);
	status_close(new);
}

static void write_file(const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static void test_another_version_is_refused(void **state)
{
	const struct status *seen = NULL;
	struct status page = { .magic = STATUS_MAGIC + 1, .size = sizeof(page), .failed_from = 1 };
	struct status *status;

	(void)state;
	write_file(&page, sizeof(page));
	assert_int_equal(status_open(path, &seen), -EPROTO);
	page.magic = STATUS_MAGIC;
	page.size--;
	write_file(&page, sizeof(page));
	assert_int_equal(status_open(path, &seen), -EPROTO);
	write_file(&page, sizeof(page) - 1);
	assert_int_equal(status_open(path, &seen), -EPROTO);
	write_file("", 0);
	assert_int_equal(status_open(path, &seen), -EPROTO);
	assert_null(seen);
	assert_int_equal(status_create(path, &status), 0);
	assert_int_equal(status->failed_from, 0); /* nothing of it is taken over */
	status_close(status);
}

static void test_what_cannot_be(void **state)
{
	struct status *status = NULL;
	const struct status *seen = NULL;
	char elsewhere[80], longest[5000];

	(void)state;
	assert_int_equal(status_open(path, &seen), -ENOENT);
	snprintf(elsewhere, sizeof(elsewhere), "%s/none/status", folder);
	assert_int_equal(status_create(elsewhere, &status), -ENOENT);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(status_create(longest, &status), -ENAMETOOLONG);
	assert_null(status);
	/* A link in its way is not followed. */
	assert_int_equal(symlink("/nowhere/at/all", temporary), 0);
	assert_int_equal(status_create(path, &status), 0);
	status_close(status);
}

static void test_who_is_alive(void **state)
{
	static struct status status;
	const uint64_t now = 100000;

	(void)state;
	assert_false(status_is_alive(&status, now)); /* no workers yet */
	status.n_workers = 2;
	assert_false(status_is_alive(&status, now));
	status.beat[0] = now;
	assert_false(status_is_alive(&status, now)); /* one never beat */
	status.beat[1] = now - STATUS_STALE_MS;
	assert_true(status_is_alive(&status, now));
	status.beat[1]--;
	assert_false(status_is_alive(&status, now));
	status.beat[1] = now + 10; /* since the reader looked at its clock */
	assert_true(status_is_alive(&status, now));
	status.n_workers = STATUS_WORKERS + 1;
	assert_false(status_is_alive(&status, now));
}

static void test_texts(void **state)
{
	(void)state;
	assert_string_equal(status_door_text(STATUS_DOOR_ARMED), "armed");
	assert_string_equal(status_door_text(STATUS_N_DOORS), "?");
	assert_string_equal(status_why_text(STATUS_WHY_NONE), "");
	assert_string_equal(status_why_text(STATUS_N_WHYS), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both_see_the_same_page, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures_outlive_the_program, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_version_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be, setup, teardown),
		cmocka_unit_test(test_who_is_alive),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
