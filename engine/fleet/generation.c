/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fleet/generation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINK "fleet"
#define FOLDER "fleet.d"

/* Relative to the configuration's folder. False: too long. */
static bool in_base(const struct generations *generations, const char *name, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s%s", generations->base, name) < PATH_MAX;
}

bool generation_path(const struct generations *generations, const char *id, const char *name,
		     char ret_path[PATH_MAX])
{
	return snprintf(ret_path, PATH_MAX, "%s" FOLDER "/%s/%s", generations->base, id, name) <
	       PATH_MAX;
}

static int fail(struct bundle_error *error, const char *path)
{
	int code = -errno;

	return bundle_fail(error, code, "%s: %s", path, strerror(-code));
}

int generations_open(const char *config_path, struct generations *ret_generations,
		     struct bundle_error *ret_error)
{
	struct generations generations = { .lock = -1 };
	const char *slash = strrchr(config_path, '/');
	size_t n = slash ? (size_t)(slash + 1 - config_path) : 0;
	char folder[PATH_MAX];

	if (n >= sizeof(generations.base))
		return bundle_fail(ret_error, -ENAMETOOLONG, "too long a path");
	memcpy(generations.base, config_path, n);
	if (!in_base(&generations, FOLDER, folder))
		return bundle_fail(ret_error, -ENAMETOOLONG, "too long a path");
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return fail(ret_error, folder);
	generations.lock = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (generations.lock < 0)
		return fail(ret_error, folder);
	if (flock(generations.lock, LOCK_EX | LOCK_NB) < 0) {
		close(generations.lock);
		return bundle_fail(ret_error, -EBUSY, "%s: another bundle is being applied",
				   folder);
	}
	*ret_generations = generations;
	return 0;
}

void generations_close(struct generations *generations)
{
	if (generations->lock >= 0)
		close(generations->lock);
	generations->lock = -1;
}

/* --- names --- */

int generation_id(const struct bundle *bundle, char ret_id[GENERATION_ID_MAX])
{
	uint8_t digest[MANIFEST_DIGEST];
	uint64_t head = 0;

	if (manifest_digest(bundle->text, bundle->n_text, digest) < 0)
		return -ENOMEM;
	for (unsigned i = 0; i < sizeof(head); i++)
		head = head << 8 | digest[i];
	snprintf(ret_id, GENERATION_ID_MAX, "%llu-%016llx",
		 (unsigned long long)bundle->manifest.serial, (unsigned long long)head);
	return 0;
}

uint64_t generation_serial(const char *id)
{
	return strtoull(id, NULL, 10);
}

static bool is_id(const char *text, size_t n)
{
	size_t n_serial = strspn(text, "0123456789");

	return n < GENERATION_ID_MAX && n_serial > 0 && n == n_serial + 1 + 16 &&
	       text[n_serial] == '-' && strspn(text + n_serial + 1, "0123456789abcdef") >= 16;
}

int generations_current(const struct generations *generations, char ret_id[GENERATION_ID_MAX],
			struct bundle_error *ret_error)
{
	char path[PATH_MAX], end[PATH_MAX];
	const char *id = end + strlen(FOLDER "/");
	ssize_t n;

	if (!in_base(generations, LINK, path))
		return bundle_fail(ret_error, -ENAMETOOLONG, "too long a path");
	n = readlink(path, end, sizeof(end) - 1);
	if (n < 0 && errno == ENOENT) {
		ret_id[0] = '\0';
		return 0;
	}
	if (n < 0 && errno != EINVAL)
		return fail(ret_error, path);
	end[n < 0 ? 0 : n] = '\0';
	if (strncmp(end, FOLDER "/", strlen(FOLDER "/")) != 0 || !is_id(id, strcspn(id, "/")))
		return bundle_fail(ret_error, -EEXIST,
				   "%s: is this box's own, and no bundle's; move it away to have "
				   "bundles applied here",
				   path);
	memcpy(ret_id, id, strcspn(id, "/"));
	ret_id[strcspn(id, "/")] = '\0';
	return 0;
}

/* --- writing --- */

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, bytes, n);

		if (written < 0 && errno != EINTR)
			return -1;
		if (written > 0) {
			bytes += written;
			n -= (size_t)written;
		}
	}
	return 0;
}

/* Whatever the umask says. */
static int make_folder(const char *path)
{
	if (mkdir(path, 0755) < 0)
		return errno == EEXIST ? 0 : -1;
	return chmod(path, 0755);
}

/* Those above the file, from `top` on, which is a place in `path`. */
static int make_folders(char *path, char *top)
{
	for (char *slash = top; (slash = strchr(slash, '/')); slash++) {
		int r;

		*slash = '\0';
		r = make_folder(path);
		*slash = '/';
		if (r < 0)
			return r;
	}
	return 0;
}

static int put_file(const char *path, mode_t mode, const uint8_t *bytes, size_t n,
		    struct bundle_error *ret_error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	int r = 0;

	if (fd < 0)
		return fail(ret_error, path);
	if (write_all(fd, bytes, n) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0)
		r = fail(ret_error, path);
	if (close(fd) < 0 && r == 0)
		r = fail(ret_error, path);
	return r;
}

static int put_files(const struct generations *generations, const char *id,
		     const struct bundle *bundle, struct bundle_error *ret_error)
{
	char path[PATH_MAX];
	size_t n_top;
	int r = 0;

	(void)generation_path(generations, id, "", path);
	n_top = strlen(path);
	for (unsigned i = 0; r == 0 && i < bundle->manifest.n; i++) {
		const struct manifest_file *file = &bundle->manifest.files[i];
		bool is_policy = file->role == MANIFEST_POLICY;

		if (!generation_path(generations, id, file->path, path))
			return bundle_fail(ret_error, -ENAMETOOLONG, "too long a path");
		if (make_folders(path, path + n_top) < 0)
			return fail(ret_error, path);
		/* Who asks whom for a certificate is nobody else's business. */
		r = put_file(path, is_policy ? 0644 : 0600, file->bytes, file->size, ret_error);
	}
	if (r == 0 && generation_path(generations, id, MANIFEST_NAME, path))
		r = put_file(path, 0644, bundle->text, bundle->n_text, ret_error);
	if (r == 0 && generation_path(generations, id, BUNDLE_SIGNATURE, path))
		r = put_file(path, 0644, bundle->signature, SIGNING_SIGNATURE, ret_error);
	if (r == 0 && generation_path(generations, id, LINK, path) && make_folder(path) < 0)
		r = fail(ret_error, path);
	return r;
}

int generation_put(const struct generations *generations, const char *id,
		   const struct bundle *bundle, struct bundle_error *ret_error)
{
	char path[PATH_MAX];
	int r;

	/* With room for the longest name in it. */
	if (!generation_path(generations, id, "", path) ||
	    strlen(path) + TAR_NAME_MAX >= sizeof(path))
		return bundle_fail(ret_error, -ENAMETOOLONG, "too long a path");
	generation_remove(generations, id); /* what a power cut left of it */
	if (make_folder(path) < 0)
		return fail(ret_error, path);
	r = put_files(generations, id, bundle, ret_error);
	/* The files are on the disk, the folders with their names not yet. */
	if (r == 0 && syncfs(generations->lock) < 0)
		r = fail(ret_error, path);
	if (r < 0)
		generation_remove(generations, id);
	return r;
}

static int sync_base(const struct generations *generations)
{
	int fd = open(generations->base[0] ? generations->base : ".",
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? -1 : 0;

	if (fd >= 0)
		close(fd);
	return r;
}

int generation_switch(const struct generations *generations, const char *id,
		      struct bundle_error *ret_error)
{
	char path[PATH_MAX], next[PATH_MAX], end[sizeof(FOLDER) + GENERATION_ID_MAX + sizeof(LINK)];

	if (!in_base(generations, LINK, path) || !in_base(generations, LINK ".new", next))
		return bundle_fail(ret_error, -ENAMETOOLONG, "too long a path");
	if (id[0] == '\0') {
		if (unlink(path) < 0 && errno != ENOENT)
			return fail(ret_error, path);
		return sync_base(generations) < 0 ? fail(ret_error, path) : 0;
	}
	snprintf(end, sizeof(end), FOLDER "/%s/" LINK, id);
	if (unlink(next) < 0 && errno != ENOENT)
		return fail(ret_error, next);
	if (symlink(end, next) < 0)
		return fail(ret_error, next);
	if (rename(next, path) < 0) {
		int r = fail(ret_error, path);

		(void)unlink(next);
		return r;
	}
	return sync_base(generations) < 0 ? fail(ret_error, path) : 0;
}

/* --- removing --- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

void generation_remove(const struct generations *generations, const char *id)
{
	char path[PATH_MAX];

	if (id[0] != '\0' && generation_path(generations, id, "", path))
		(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int is_generation(const struct dirent *entry)
{
	return is_id(entry->d_name, strlen(entry->d_name));
}

static bool is_kept(const char *id, const char *const *kept)
{
	for (; *kept; kept++)
		if (strcmp(id, *kept) == 0)
			return true;
	return false;
}

void generations_tidy(const struct generations *generations, const char *const *kept)
{
	char path[PATH_MAX];
	struct dirent **entries = NULL;
	int n = in_base(generations, FOLDER, path) ? scandir(path, &entries, is_generation, NULL)
						   : 0;

	for (int i = 0; i < n; i++) {
		if (!is_kept(entries[i]->d_name, kept))
			generation_remove(generations, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

/* --- what was learned by them --- */

#define ADOPTED "adopted"

int generation_mark_adopted(const struct generations *generations, const char *id,
			    struct bundle_error *ret_error)
{
	char path[PATH_MAX];
	int r;

	if (!generation_path(generations, id, ADOPTED, path))
		return bundle_fail(ret_error, -ENAMETOOLONG, "too long a path");
	if (access(path, F_OK) == 0)
		return 0;
	r = put_file(path, 0644, NULL, 0, ret_error);
	if (r == 0 && syncfs(generations->lock) < 0)
		r = fail(ret_error, path);
	return r;
}

static bool is_adopted(const struct generations *generations, const char *id)
{
	char path[PATH_MAX];

	return generation_path(generations, id, ADOPTED, path) && access(path, F_OK) == 0;
}

void generations_adopted(const struct generations *generations, const char *current,
			 char ret_id[GENERATION_ID_MAX])
{
	char path[PATH_MAX];
	struct dirent **entries = NULL;
	int n = in_base(generations, FOLDER, path) ? scandir(path, &entries, is_generation, NULL)
						   : 0;

	bool is_current = current[0] != '\0' && is_adopted(generations, current);

	strcpy(ret_id, is_current ? current : "");
	for (int i = 0; i < n; i++) {
		const char *id = entries[i]->d_name;

		if (!is_current && is_adopted(generations, id) &&
		    generation_serial(id) >= generation_serial(ret_id))
			memcpy(ret_id, id, strlen(id) + 1);
		free(entries[i]);
	}
	free(entries);
}
