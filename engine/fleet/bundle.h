/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_FLEET_BUNDLE_H
#define POSTERN_FLEET_BUNDLE_H

#include "fleet/manifest.h"
#include "fleet/signing.h"

/*
 * A bundle is an archive (fleet/tar.h) of the manifest, the signature of its bytes, and the files
 * that it names, in its order. Nothing of it is free: every byte is either signed, or follows from
 * what is signed, and any other byte makes it no bundle.
 */

#define BUNDLE_SIGNATURE "manifest.sig"

/* All of a bundle: the files, the manifest, and what is around them. */
#define BUNDLE_SIZE_MAX                                                                            \
	(MANIFEST_SIZE_MAX + MANIFEST_TEXT_MAX + (2ULL * MANIFEST_FILES_MAX + 8) * TAR_BLOCK)

/* Into memory that is to be freed. The manifest's files bring their bytes. */
int bundle_write(struct manifest *manifest, const struct signing_key *key, uint8_t **ret_bytes,
		 size_t *ret_n, struct bundle_error *ret_error);

struct bundle {
	struct manifest manifest; /* its files' bytes are borrowed from the archive's */
	const uint8_t *text;      /* the manifest's own bytes */
	size_t n_text;
	const uint8_t *signature;
	const char *signer; /* the file of the key; NULL: nobody was asked for */
};

/*
 * With `keys` the signature is looked at before anything that is signed: -EKEYREJECTED when none of
 * them made it. Without, whoever made it. -EINVAL: no bundle, or not as it was made.
 */
int bundle_read(const uint8_t *bytes, size_t n, const struct signing_keys *keys,
		struct bundle *ret_bundle, struct bundle_error *ret_error);
void bundle_deinit(struct bundle *bundle);

/* The file of this path, or NULL. */
const struct manifest_file *bundle_find(const struct bundle *bundle, const char *path);

#endif
