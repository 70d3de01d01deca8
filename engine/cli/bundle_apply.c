/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A bundle is put in force in one moment, the rename of a link, and everything that can go wrong is
 * tried before: its signature, its age, its files on the disk, the configuration that they make
 * with this box's own. If posternd refuses it all the same, the one before comes back. What is
 * learned is taken in last.
 *
 * A process that ends in between leaves the old or the new bundle in force, and the same command
 * again does what was not done.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bundle.h"
#include "cli/check.h"
#include "cli/file.h"
#include "cli/learned.h"
#include "cli/reload.h"
#include "fleet/generation.h"
#include "policy/load.h"

struct application {
	const struct cli *cli;
	struct bundle_file file;
	struct signing_keys *keys;
	struct bundle bundle;
	struct generations generations;
	char id[GENERATION_ID_MAX];
	char before[GENERATION_ID_MAX];  /* in force until now; "": none */
	char adopted[GENERATION_ID_MAX]; /* whose learned servers were taken in; "": none */
	struct config *config;
	struct bundle_entries entries, entries_before;
	struct learned *learned; /* NULL: nothing to take in */
};

static int fail(const struct application *a, const struct bundle_error *error)
{
	return cli_fail(CLI_FAILURE, "%s: %s", a->cli->argument, error->text);
}

static bool is_in_force(const struct application *a)
{
	return strcmp(a->id, a->before) == 0;
}

/* --- what it is --- */

static int read_bundle(struct application *a)
{
	struct bundle_error error;
	int code = bundle_cli_load(a->cli, "bundle apply", &a->file);

	if (code == CLI_OK)
		code = bundle_cli_keys(a->cli, &a->keys);
	if (code == CLI_OK &&
	    (bundle_read(a->file.bytes, a->file.n, a->keys, &a->bundle, &error) < 0 ||
	     generation_id(&a->bundle, a->id) < 0))
		code = fail(a, &error);
	if (code == CLI_OK)
		bundle_cli_print(&a->bundle);
	return code;
}

/* An old one, however well it is signed, would bring back what was mended since. */
static int check_age(const struct application *a)
{
	uint64_t serial = a->bundle.manifest.serial, before = generation_serial(a->before);

	if (a->before[0] == '\0' || is_in_force(a) || serial > before || a->cli->force)
		return CLI_OK;
	return cli_fail(CLI_FAILURE,
			"%s: bundle %llu is not newer than %llu, which is in force; --force "
			"applies it all the same",
			a->cli->argument, (unsigned long long)serial, (unsigned long long)before);
}

/* Nothing of it is in force yet. */
static int put(struct application *a)
{
	char fleet[PATH_MAX];
	struct bundle_error error;
	struct config_error mistake;
	int code = CLI_OK;

	if (!is_in_force(a) && generation_put(&a->generations, a->id, &a->bundle, &error) < 0)
		return fail(a, &error);
	(void)snprintf(fleet, sizeof(fleet), "fleet.d/%s/" CONFIG_FLEET, a->id);
	if (config_load_fleet(a->cli->config_path, fleet, &a->config, &mistake) < 0)
		code = cli_fail(CLI_USAGE, "%s", mistake.text);
	return code == CLI_OK ? check_config(a->config) : code;
}

/* --- what is learned --- */

static int read_entries(struct application *a)
{
	const struct manifest_file *file = bundle_find(&a->bundle, MANIFEST_ENTRIES);
	char path[PATH_MAX];
	uint8_t *text;
	size_t n;
	int code;

	if (!file)
		return CLI_OK;
	code = bundle_entries_read(file->bytes, file->size, MANIFEST_ENTRIES, &a->entries);
	generations_adopted(&a->generations, a->before, a->adopted);
	if (code != CLI_OK || a->adopted[0] == '\0' ||
	    !generation_path(&a->generations, a->adopted, MANIFEST_ENTRIES, path) ||
	    file_read(path, MANIFEST_SIZE_MAX, &text, &n) < 0)
		return code;
	code = bundle_entries_read(text, n, path, &a->entries_before);
	free(text);
	return code;
}

/* Before anything is in force: a store that cannot be had is a reason not to begin. */
static int open_store(struct application *a)
{
	if (!bundle_find(&a->bundle, MANIFEST_ENTRIES) ||
	    strcmp(a->cli->config->learn.store, "none") == 0)
		return CLI_OK;
	return learned_cli_open(a->cli, &a->learned);
}

static int adopt(struct application *a)
{
	struct bundle_error error;
	size_t n_without_room;
	bool is_stored;

	if (!a->learned)
		return CLI_OK;
	n_without_room = bundle_entries_adopt(a->learned, &a->entries, &a->entries_before);
	is_stored = learned_free(a->learned);
	a->learned = NULL;
	if (!is_stored)
		return cli_fail(CLI_FAILURE, "its learned servers could not be stored: apply it "
					     "again");
	if (generation_mark_adopted(&a->generations, a->id, &error) < 0)
		return fail(a, &error);
	printf("%zu learned server%s\n", a->entries.n - n_without_room,
	       a->entries.n - n_without_room == 1 ? "" : "s");
	if (n_without_room > 0)
		return cli_fail(CLI_FAILURE, "%zu learned servers more had no room",
				n_without_room);
	return CLI_OK;
}

/* --- in force --- */

static int go_back(struct application *a, const char *why)
{
	struct bundle_error error;

	if (is_in_force(a))
		return cli_fail(CLI_FAILURE, "%s, though it was in force before", why);
	if (generation_switch(&a->generations, a->before, &error) < 0)
		return cli_fail(CLI_FAILURE, "%s, and the one before cannot be brought back: %s",
				why, error.text);
	(void)reload_await(a->cli->config);
	generation_remove(&a->generations, a->id);
	return cli_fail(CLI_FAILURE, "%s: what was in force before is in force again", why);
}

static int switch_over(struct application *a)
{
	struct bundle_error error;

	if (!is_in_force(a) && generation_switch(&a->generations, a->id, &error) < 0)
		return go_back(a, error.text);
	switch (reload_await(a->cli->config)) {
	case RELOAD_DONE:
		printf("applied, posternd has reloaded\n");
		return CLI_OK;
	case RELOAD_NOBODY:
		printf("applied, in force when posternd starts\n");
		return CLI_OK;
	case RELOAD_REFUSED:
		return go_back(a, "posternd refuses it, its log says why");
	case RELOAD_SILENT:
		return go_back(a, "posternd does not answer");
	case RELOAD_FAILED:
		break;
	}
	return go_back(a, "posternd cannot be told to reload");
}

/* --- the whole --- */

static void print_changes(const struct application *a)
{
	struct manifest before = { 0 };
	struct bundle_error error;
	char path[PATH_MAX];
	uint8_t *text = NULL;
	size_t n;

	if (a->before[0] && generation_path(&a->generations, a->before, MANIFEST_NAME, path) &&
	    file_read(path, MANIFEST_TEXT_MAX, &text, &n) == 0)
		(void)manifest_read(text, n, &before, &error);
	bundle_changes_print(a->cli->config, a->config, &before, &a->bundle.manifest);
	manifest_deinit(&before);
	free(text);
}

static int apply(struct application *a)
{
	const char *const kept[] = { a->id, a->before, a->adopted, NULL };
	int code = check_age(a);

	if (code == CLI_OK)
		code = read_entries(a);
	if (code == CLI_OK)
		code = put(a);
	if (code == CLI_OK) {
		print_changes(a);
		if (!a->cli->dry_run)
			code = open_store(a);
	}
	if ((code != CLI_OK || a->cli->dry_run) && !is_in_force(a))
		generation_remove(&a->generations, a->id);
	if (code == CLI_OK && a->cli->dry_run)
		printf("nothing was changed\n");
	if (code != CLI_OK || a->cli->dry_run)
		return code;
	code = switch_over(a);
	if (code == CLI_OK)
		code = adopt(a);
	if (code == CLI_OK)
		generations_tidy(&a->generations, kept);
	return code;
}

int cli_bundle_apply(const struct cli *cli)
{
	struct application a = { .cli = cli, .generations = { .lock = -1 } };
	struct bundle_error error;
	int code = read_bundle(&a);

	if (code == CLI_OK && (generations_open(cli->config_path, &a.generations, &error) < 0 ||
			       generations_current(&a.generations, a.before, &error) < 0))
		code = cli_fail(CLI_FAILURE, "%s", error.text);
	if (code == CLI_OK)
		code = apply(&a);
	learned_free(a.learned);
	bundle_entries_deinit(&a.entries);
	bundle_entries_deinit(&a.entries_before);
	config_free(a.config);
	generations_close(&a.generations);
	bundle_deinit(&a.bundle);
	signing_keys_free(a.keys);
	free(a.file.bytes);
	return code;
}
