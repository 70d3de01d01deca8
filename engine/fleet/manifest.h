/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_FLEET_MANIFEST_H
#define POSTERN_FLEET_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "fleet/tar.h"

/*
 * What a bundle holds, as JSON: it is what the signature is about, and it binds each file by name,
 * size and digest. A file's role says where it belongs:
 */
#define MANIFEST_ROLES(X)                                                                          \
	X(MANIFEST_POLICY, "policy")   /* "fleet/...": into the box's folder fleet */              \
	X(MANIFEST_LEARNED, "learned") /* "learned.json": lines, as `postern learned export` */

#define MANIFEST_CONSTANT(constant, text) constant,
enum manifest_role { MANIFEST_ROLES(MANIFEST_CONSTANT) MANIFEST_N_ROLES };
#undef MANIFEST_CONSTANT

#define MANIFEST_NAME "manifest.json"
#define MANIFEST_FOLDER "fleet/"
#define MANIFEST_ENTRIES "learned.json"

enum {
	MANIFEST_VERSION = 1,
	MANIFEST_FILES_MAX = 4096,
	MANIFEST_TEXT_MAX = 2 * 1024 * 1024,
	MANIFEST_DIGEST = 32,
	MANIFEST_WORD_MAX = 64,
	MANIFEST_DEPTH_MAX = 8, /* folders above a file */
};

#define MANIFEST_SIZE_MAX (256ULL * 1024 * 1024) /* of all files */

struct manifest_file {
	char path[TAR_NAME_MAX + 1];
	enum manifest_role role;
	uint64_t size;
	uint8_t sha256[MANIFEST_DIGEST];
	const uint8_t *bytes; /* borrowed; `size` of them; NULL: only the manifest is known */
};

struct manifest {
	uint64_t serial;                 /* grows from bundle to bundle */
	uint64_t made;                   /* us since 1970 */
	char host[MANIFEST_WORD_MAX];    /* that made it */
	char version[MANIFEST_WORD_MAX]; /* of postern there */
	struct manifest_file *files;     /* sorted by path */
	unsigned n;
};

/* Why something is no bundle, or none for us. One line. */
struct bundle_error {
	char text[512];
};

/* Says it, and returns `code`. */
int bundle_fail(struct bundle_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

const char *manifest_role_text(enum manifest_role role);

/*
 * Whether a file may have this path: relative, of letters, digits and "._-+@=,", no component that
 * begins with a dot. NULL, or what is wrong.
 */
const char *manifest_path_problem(const char *path);

/* Adds a file; its digest is that of the bytes, which are borrowed. 0, -EINVAL or -ENOMEM. */
int manifest_add(struct manifest *manifest, const char *path, enum manifest_role role,
		 const void *bytes, size_t n, struct bundle_error *ret_error);

/* Sorts the files; two of one path are -EINVAL. *ret_text is to be freed. */
int manifest_write(struct manifest *manifest, char **ret_text, size_t *ret_n,
		   struct bundle_error *ret_error);

/* 0; -EINVAL: it is none; -EPROTO: of a later version. */
int manifest_read(const void *text, size_t n, struct manifest *ret_manifest,
		  struct bundle_error *ret_error);
void manifest_deinit(struct manifest *manifest);

/* SHA-256. 0 or -ENOMEM. */
int manifest_digest(const void *bytes, size_t n, uint8_t digest[MANIFEST_DIGEST]);

#endif
