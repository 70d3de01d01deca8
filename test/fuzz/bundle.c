/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is read as a bundle is one to the byte: written again from what was read, it is the same.
 * The input is a bundle, and a manifest alone, for libFuzzer finds no checksum of an archive.
 */
#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/bundle.h"

static size_t put(uint8_t *at, const char *name, const void *bytes, size_t n)
{
	tar_header(name, n, at);
	if (n > 0)
		memcpy(at + TAR_BLOCK, bytes, n);
	memset(at + TAR_BLOCK + n, 0, tar_padding(n));
	return TAR_BLOCK + n + tar_padding(n);
}

static void check_manifest(const struct manifest *manifest)
{
	for (unsigned i = 0; i < manifest->n; i++) {
		const struct manifest_file *file = &manifest->files[i];

		assert(!manifest_path_problem(file->path));
		assert(file->path[0] != '/' && file->path[0] != '.' && !strstr(file->path, "/."));
		assert(i == 0 || strcmp(file[-1].path, file->path) < 0);
		assert(file->role < MANIFEST_N_ROLES && file->size <= MANIFEST_SIZE_MAX);
	}
}

static void check_bundle(const uint8_t *bytes, size_t n)
{
	struct bundle_error error;
	struct bundle bundle;
	uint8_t *again;
	size_t at;

	if (bundle_read(bytes, n, NULL, &bundle, &error) < 0)
		return;
	check_manifest(&bundle.manifest);
	again = malloc(n);
	assert(again);
	at = put(again, MANIFEST_NAME, bundle.text, bundle.n_text);
	at += put(again + at, BUNDLE_SIGNATURE, bundle.signature, SIGNING_SIGNATURE);
	for (unsigned i = 0; i < bundle.manifest.n; i++) {
		const struct manifest_file *file = &bundle.manifest.files[i];

		at += put(again + at, file->path, file->bytes, file->size);
	}
	memset(again + at, 0, TAR_END);
	assert(at + TAR_END == n && memcmp(again, bytes, n) == 0);
	free(again);
	bundle_deinit(&bundle);
}

/* Written and read again, it says the same. */
static void check_text(const uint8_t *text, size_t n)
{
	struct manifest manifest, again;
	struct bundle_error error;
	char *written;
	size_t n_written;

	if (manifest_read(text, n, &manifest, &error) < 0)
		return;
	check_manifest(&manifest);
	assert(manifest_write(&manifest, &written, &n_written, &error) == 0);
	assert(manifest_read(written, n_written, &again, &error) == 0);
	assert(again.n == manifest.n && again.serial == manifest.serial);
	for (unsigned i = 0; i < again.n; i++)
		assert(strcmp(again.files[i].path, manifest.files[i].path) == 0 &&
		       again.files[i].size == manifest.files[i].size);
	manifest_deinit(&again);
	manifest_deinit(&manifest);
	free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	check_bundle(bytes, n);
	check_text(bytes, n);
	return 0;
}
