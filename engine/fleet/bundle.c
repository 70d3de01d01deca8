/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fleet/bundle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"

/*
 * How it is read. The first two headers are of names that are known; of the manifest's the size is
 * taken, if all else is as it must be. The signature is verified over the manifest's bytes before
 * they are parsed. All that follows is known then, and compared.
 */

/* --- writing --- */

struct writer {
	uint8_t *at;
};

static void put(struct writer *writer, const char *name, const void *bytes, size_t n)
{
	size_t padding = tar_padding(n);

	tar_header(name, n, writer->at);
	writer->at += TAR_BLOCK;
	if (n > 0)
		memcpy(writer->at, bytes, n);
	memset(writer->at + n, 0, padding);
	writer->at += n + padding;
}

static size_t room_for(size_t n)
{
	return TAR_BLOCK + n + tar_padding(n);
}

static int refuse_secrets(const struct manifest *manifest, struct bundle_error *ret_error)
{
	for (unsigned i = 0; i < manifest->n; i++) {
		const struct manifest_file *file = &manifest->files[i];

		if (signing_is_secret(file->bytes, file->size))
			return bundle_fail(ret_error, -EINVAL,
					   "%s: a private key, which may not be in a bundle",
					   file->path);
	}
	return 0;
}

int bundle_write(struct manifest *manifest, const struct signing_key *key, uint8_t **ret_bytes,
		 size_t *ret_n, struct bundle_error *ret_error)
{
	uint8_t signature[SIGNING_SIGNATURE], *bytes;
	struct writer writer;
	size_t n_text, n;
	char *text;
	int r = manifest_write(manifest, &text, &n_text, ret_error);

	if (r < 0)
		return r;
	r = refuse_secrets(manifest, ret_error);
	if (r == 0 && n_text > MANIFEST_TEXT_MAX)
		r = bundle_fail(ret_error, -EINVAL, "too many files");
	if (r == 0 && signing_sign(key, text, n_text, signature) < 0)
		r = bundle_fail(ret_error, -ENOMEM, "out of memory");
	n = room_for(n_text) + room_for(sizeof(signature)) + TAR_END;
	for (unsigned i = 0; i < manifest->n; i++)
		n += room_for(manifest->files[i].size);
	bytes = r == 0 ? malloc(n) : NULL;
	if (!bytes) {
		free(text);
		return r < 0 ? r : bundle_fail(ret_error, -ENOMEM, "out of memory");
	}
	writer.at = bytes;
	put(&writer, MANIFEST_NAME, text, n_text);
	put(&writer, BUNDLE_SIGNATURE, signature, sizeof(signature));
	for (unsigned i = 0; i < manifest->n; i++)
		put(&writer, manifest->files[i].path, manifest->files[i].bytes,
		    manifest->files[i].size);
	memset(writer.at, 0, TAR_END);
	free(text);
	*ret_bytes = bytes;
	*ret_n = n;
	return 0;
}

/* --- reading --- */

static bool is_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

/* The next file, which must have this name and no more than `max` bytes. */
static bool next_file(struct reader *reader, const char *name, uint64_t max,
		      const uint8_t **ret_bytes, uint64_t *ret_size)
{
	const uint8_t *header, *bytes, *padding;
	uint64_t size;

	header = reader_bytes(reader, TAR_BLOCK);
	if (!header || !tar_size(header, name, &size) || size > max)
		return false;
	bytes = reader_bytes(reader, (size_t)size);
	padding = reader_bytes(reader, tar_padding(size));
	if (!bytes || !padding || !is_zero(padding, tar_padding(size)))
		return false;
	*ret_bytes = bytes;
	*ret_size = size;
	return true;
}

static int read_files(struct reader *reader, struct manifest *manifest,
		      struct bundle_error *ret_error)
{
	for (unsigned i = 0; i < manifest->n; i++) {
		struct manifest_file *file = &manifest->files[i];
		uint8_t digest[MANIFEST_DIGEST];
		uint64_t size;

		if (!next_file(reader, file->path, file->size, &file->bytes, &size) ||
		    size != file->size)
			return bundle_fail(ret_error, -EINVAL,
					   "%s: not there as the manifest has it", file->path);
		if (manifest_digest(file->bytes, file->size, digest) < 0)
			return bundle_fail(ret_error, -ENOMEM, "out of memory");
		if (memcmp(digest, file->sha256, sizeof(digest)) != 0)
			return bundle_fail(ret_error, -EINVAL, "%s: was changed", file->path);
	}
	return refuse_secrets(manifest, ret_error);
}

static int read_end(struct reader *reader, struct bundle_error *ret_error)
{
	const uint8_t *end = reader_bytes(reader, TAR_END);

	if (!end || !is_zero(end, TAR_END) || reader_left(reader) > 0)
		return bundle_fail(ret_error, -EINVAL, "it does not end as a bundle does");
	return 0;
}

int bundle_read(const uint8_t *bytes, size_t n, const struct signing_keys *keys,
		struct bundle *ret_bundle, struct bundle_error *ret_error)
{
	struct bundle bundle = { 0 };
	struct reader reader = reader_of(bytes, n);
	uint64_t n_text, n_signature;
	int r;

	if (!next_file(&reader, MANIFEST_NAME, MANIFEST_TEXT_MAX, &bundle.text, &n_text) ||
	    !next_file(&reader, BUNDLE_SIGNATURE, SIGNING_SIGNATURE, &bundle.signature,
		       &n_signature) ||
	    n_signature != SIGNING_SIGNATURE)
		return bundle_fail(ret_error, -EINVAL, "no bundle of postern");
	bundle.n_text = (size_t)n_text;
	if (keys) {
		bundle.signer = signing_verify(keys, bundle.text, bundle.n_text, bundle.signature);
		if (!bundle.signer)
			return bundle_fail(ret_error, -EKEYREJECTED,
					   "not signed by anybody who is trusted here");
	}
	r = manifest_read(bundle.text, bundle.n_text, &bundle.manifest, ret_error);
	if (r == 0)
		r = read_files(&reader, &bundle.manifest, ret_error);
	if (r == 0)
		r = read_end(&reader, ret_error);
	if (r < 0)
		bundle_deinit(&bundle);
	else
		*ret_bundle = bundle;
	return r;
}

void bundle_deinit(struct bundle *bundle)
{
	if (!bundle)
		return;
	manifest_deinit(&bundle->manifest);
	*bundle = (struct bundle){ 0 };
}

const struct manifest_file *bundle_find(const struct bundle *bundle, const char *path)
{
	for (unsigned i = 0; i < bundle->manifest.n; i++)
		if (strcmp(bundle->manifest.files[i].path, path) == 0)
			return &bundle->manifest.files[i];
	return NULL;
}
