/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "cli/bundle.h"
#include "policy/keys.h"

/* Files of a bundle lie elsewhere each time: "/etc/postern/fleet.d/ID/fleet/x" is "fleet/x". */
static const char *without_generation(const char *text)
{
	static const char folder[] = "/fleet.d/";
	const char *at = strstr(text, folder), *end;

	if (!at)
		return text;
	end = strchr(at + strlen(folder), '/');
	return end ? end + 1 : text;
}

static void print_keys(const struct config *now, const struct config *next)
{
	unsigned n;
	const struct config_key *keys = config_keys(&n);
	char was[2048], is[2048]; /* for every suite there is */

	for (unsigned i = 0; i < n; i++) {
		(void)config_text(now, keys[i].name, was, sizeof(was));
		(void)config_text(next, keys[i].name, is, sizeof(is));
		if (strcmp(without_generation(was), without_generation(is)) != 0)
			printf("  %s: %s, was %s\n", keys[i].name, without_generation(is),
			       without_generation(was));
	}
}

static void print_file(const char *what, const struct manifest_file *file)
{
	if (file->role == MANIFEST_POLICY)
		printf("  %s: %s\n", file->path, what);
}

/* Both are sorted by path. */
static void print_files(const struct manifest *before, const struct manifest *manifest)
{
	const struct manifest_file *was = before->files, *is = manifest->files;
	const struct manifest_file *was_end = was + before->n, *is_end = is + manifest->n;

	while (was < was_end || is < is_end) {
		int order = was == was_end ? 1 : is == is_end ? -1 : strcmp(was->path, is->path);

		if (order < 0) {
			print_file("removed", was++);
		} else if (order > 0) {
			print_file("new", is++);
		} else {
			if (memcmp(was->sha256, is->sha256, MANIFEST_DIGEST) != 0)
				print_file("changed", is);
			was++;
			is++;
		}
	}
}

void bundle_changes_print(const struct config *now, const struct config *next,
			  const struct manifest *before, const struct manifest *manifest)
{
	static const struct manifest nothing;

	print_keys(now, next);
	print_files(before ? before : &nothing, manifest);
}
