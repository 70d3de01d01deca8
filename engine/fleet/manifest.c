/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fleet/manifest.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "postern-bundle"

int bundle_fail(struct bundle_error *error, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return code;
}

#define WORD(constant, text) [constant] = text,
static const char *const roles[] = { MANIFEST_ROLES(WORD) };
#undef WORD

const char *manifest_role_text(enum manifest_role role)
{
	return roles[role];
}

int manifest_digest(const void *bytes, size_t n, uint8_t digest[MANIFEST_DIGEST])
{
	return EVP_Digest(bytes, n, digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

/* --- paths --- */

const char *manifest_path_problem(const char *path)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-+@=,/";
	unsigned depth = 0;

	if (strlen(path) > TAR_NAME_MAX)
		return "longer than 100 characters";
	if (path[strspn(path, allowed)] != '\0')
		return "only letters, digits and ._-+@=, may be in a name";
	for (const char *part = path;; part++) {
		size_t n = strcspn(part, "/");

		if (n == 0)
			return "an empty name in it";
		if (part[0] == '.')
			return "a name that begins with a dot";
		part += n;
		if (*part == '\0')
			break;
		if (++depth > MANIFEST_DEPTH_MAX)
			return "too many folders in one another";
	}
	return NULL;
}

/* As its role wants it. */
static const char *place_problem(const struct manifest_file *file)
{
	const char *problem = manifest_path_problem(file->path);

	if (problem)
		return problem;
	switch (file->role) {
	case MANIFEST_POLICY:
		return strncmp(file->path, MANIFEST_FOLDER, strlen(MANIFEST_FOLDER)) == 0
			       ? NULL
			       : "not below " MANIFEST_FOLDER;
	case MANIFEST_LEARNED:
		return strcmp(file->path, MANIFEST_ENTRIES) == 0 ? NULL : "not " MANIFEST_ENTRIES;
	case MANIFEST_N_ROLES:
		break;
	}
	return "of no known role";
}

/* The whole must be small enough, in the order of the paths, and each path is there once. */
static int check(const struct manifest *manifest, struct bundle_error *ret_error)
{
	uint64_t size = 0;

	for (unsigned i = 0; i < manifest->n; i++) {
		const struct manifest_file *file = &manifest->files[i];
		const char *problem = place_problem(file);

		if (problem)
			return bundle_fail(ret_error, -EINVAL, "%.200s: %s", file->path, problem);
		if (i > 0 && strcmp(file[-1].path, file->path) >= 0)
			return bundle_fail(ret_error, -EINVAL, "%s: twice, or not in order",
					   file->path);
		if (file->size > MANIFEST_SIZE_MAX - size)
			return bundle_fail(ret_error, -EINVAL, "%s: more than %llu MiB in all",
					   file->path, MANIFEST_SIZE_MAX >> 20);
		size += file->size;
	}
	return 0;
}

/* --- making --- */

static struct manifest_file *grow(struct manifest *manifest, struct bundle_error *ret_error)
{
	struct manifest_file *files;

	if (manifest->n >= MANIFEST_FILES_MAX) {
		bundle_fail(ret_error, -EINVAL, "more than %d files", MANIFEST_FILES_MAX);
		return NULL;
	}
	files = realloc(manifest->files, (manifest->n + 1) * sizeof(*files));
	if (!files) {
		bundle_fail(ret_error, -ENOMEM, "out of memory");
		return NULL;
	}
	manifest->files = files;
	files[manifest->n] = (struct manifest_file){ 0 };
	return &files[manifest->n];
}

int manifest_add(struct manifest *manifest, const char *path, enum manifest_role role,
		 const void *bytes, size_t n, struct bundle_error *ret_error)
{
	const char *problem = manifest_path_problem(path);
	struct manifest_file *file;

	if (problem)
		return bundle_fail(ret_error, -EINVAL, "%.200s: %s", path, problem);
	file = grow(manifest, ret_error);
	if (!file)
		return -EINVAL;
	strcpy(file->path, path);
	file->role = role;
	file->size = n;
	file->bytes = bytes;
	if (manifest_digest(bytes, n, file->sha256) < 0)
		return bundle_fail(ret_error, -ENOMEM, "out of memory");
	manifest->n++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct manifest_file *)a)->path,
		      ((const struct manifest_file *)b)->path);
}

static void hex_write(const uint8_t digest[MANIFEST_DIGEST], char text[2 * MANIFEST_DIGEST + 1])
{
	for (unsigned i = 0; i < MANIFEST_DIGEST; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

static json_t *to_json(const struct manifest *manifest)
{
	char digest[2 * MANIFEST_DIGEST + 1];
	json_t *files = json_array();

	for (unsigned i = 0; i < manifest->n; i++) {
		const struct manifest_file *file = &manifest->files[i];

		hex_write(file->sha256, digest);
		json_array_append_new(files, json_pack("{s:s, s:s, s:I, s:s}", "path", file->path,
						       "role", roles[file->role], "size",
						       (json_int_t)file->size, "sha256", digest));
	}
	return json_pack("{s:s, s:i, s:I, s:I, s:s, s:s, s:o}", "format", FORMAT, "version",
			 MANIFEST_VERSION, "serial", (json_int_t)manifest->serial, "made",
			 (json_int_t)manifest->made, "host", manifest->host, "postern",
			 manifest->version, "files", files);
}

int manifest_write(struct manifest *manifest, char **ret_text, size_t *ret_n,
		   struct bundle_error *ret_error)
{
	json_t *json;
	char *text;
	int r;

	if (manifest->n > 0)
		qsort(manifest->files, manifest->n, sizeof(*manifest->files), compare);
	r = check(manifest, ret_error);
	if (r < 0)
		return r;
	json = to_json(manifest);
	text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	json_decref(json);
	if (!text)
		return bundle_fail(ret_error, -ENOMEM, "out of memory, or a name that is no text");
	*ret_n = strlen(text);
	*ret_text = text;
	return 0;
}

/* --- reading --- */

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_read(const char *text, uint8_t digest[MANIFEST_DIGEST])
{
	if (strlen(text) != 2 * MANIFEST_DIGEST)
		return false;
	for (unsigned i = 0; i < MANIFEST_DIGEST; i++) {
		int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		digest[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool role_read(const char *text, enum manifest_role *ret_role)
{
	for (unsigned i = 0; i < MANIFEST_N_ROLES; i++) {
		if (strcmp(roles[i], text) == 0) {
			*ret_role = (enum manifest_role)i;
			return true;
		}
	}
	return false;
}

static int read_file(json_t *json, struct manifest_file *file)
{
	const char *path, *role, *digest;
	json_int_t size;

	if (json_unpack(json, "{s:s, s:s, s:I, s:s !}", "path", &path, "role", &role, "size", &size,
			"sha256", &digest) < 0 ||
	    strlen(path) > TAR_NAME_MAX || size < 0 || !role_read(role, &file->role) ||
	    !hex_read(digest, file->sha256))
		return -EINVAL;
	strcpy(file->path, path);
	file->size = (uint64_t)size;
	return 0;
}

static bool is_word(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	return *text != '\0' && strlen(text) < MANIFEST_WORD_MAX;
}

/* The version comes first: what a later one has beside it is not known. */
static int read_version(json_t *json, struct bundle_error *ret_error)
{
	const char *format;
	int version;

	if (json_unpack(json, "{s:s, s:i}", "format", &format, "version", &version) < 0 ||
	    strcmp(format, FORMAT) != 0)
		return bundle_fail(ret_error, -EINVAL, "its manifest is none of a bundle");
	if (version != MANIFEST_VERSION)
		return bundle_fail(ret_error, -EPROTO,
				   "a bundle of format %d, which this version of postern does not "
				   "know: update it first",
				   version);
	return 0;
}

static int read_all(json_t *json, struct manifest *manifest, struct bundle_error *ret_error)
{
	const char *format, *host, *postern;
	json_int_t serial, made;
	json_t *files, *item;
	size_t i;
	int version;

	if (json_unpack(json, "{s:s, s:i, s:I, s:I, s:s, s:s, s:o !}", "format", &format, "version",
			&version, "serial", &serial, "made", &made, "host", &host, "postern",
			&postern, "files", &files) < 0 ||
	    serial < 0 || made < 0 || !is_word(host) || !is_word(postern) || !json_is_array(files))
		return bundle_fail(ret_error, -EINVAL, "its manifest is not as it must be");
	manifest->serial = (uint64_t)serial;
	manifest->made = (uint64_t)made;
	strcpy(manifest->host, host);
	strcpy(manifest->version, postern);
	json_array_foreach(files, i, item)
	{
		struct manifest_file *file = grow(manifest, ret_error);

		if (!file)
			return -EINVAL;
		if (read_file(item, file) < 0)
			return bundle_fail(ret_error, -EINVAL,
					   "file %zu of its manifest is not as it must be", i + 1);
		manifest->n++;
	}
	return check(manifest, ret_error);
}

int manifest_read(const void *text, size_t n, struct manifest *ret_manifest,
		  struct bundle_error *ret_error)
{
	struct manifest manifest = { 0 };
	json_error_t error;
	json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
	int r;

	if (!json)
		return bundle_fail(ret_error, -EINVAL, "its manifest is no JSON: line %d: %s",
				   error.line, error.text);
	r = read_version(json, ret_error);
	if (r == 0)
		r = read_all(json, &manifest, ret_error);
	json_decref(json);
	if (r < 0)
		manifest_deinit(&manifest);
	else
		*ret_manifest = manifest;
	return r;
}

void manifest_deinit(struct manifest *manifest)
{
	if (!manifest)
		return;
	free(manifest->files);
	*manifest = (struct manifest){ 0 };
}
