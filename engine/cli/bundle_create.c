/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a bundle is made of: the folder that all boxes share, what this box has learned and, if
 * wanted, the certificate of its CA. The folder is read as a box would read it, before anything is
 * signed.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "certgen/ca_facts.h"
#include "cli/bundle.h"
#include "cli/file.h"
#include "policy/load.h"

#define CA_FILE "ca.crt"
#define CA_POLICY "ca.yaml"

struct packer {
	const struct cli *cli;
	char root[PATH_MAX];      /* of the folder, without links in it */
	struct manifest manifest; /* the bytes of its files are ours, and allocated */
	bool has_policy;
	size_t n_entries;
};

static void packer_deinit(struct packer *packer)
{
	for (unsigned i = 0; i < packer->manifest.n; i++)
		free((void *)(uintptr_t)packer->manifest.files[i].bytes);
	manifest_deinit(&packer->manifest);
}

/* The bytes become the packer's, or are freed. */
static int add(struct packer *packer, const char *path, enum manifest_role role, uint8_t *bytes,
	       size_t n)
{
	struct bundle_error error;

	if (manifest_add(&packer->manifest, path, role, bytes, n, &error) == 0)
		return CLI_OK;
	free(bytes);
	return cli_fail(CLI_FAILURE, "%s", error.text);
}

/* --- the folder --- */

/* A link may lead to another file of the folder, and nowhere else. */
static bool is_inside(const struct packer *packer, const char *path)
{
	size_t n = strlen(packer->root);
	char end[PATH_MAX];

	return realpath(path, end) && strncmp(end, packer->root, n) == 0 && end[n] == '/';
}

static int add_file(struct packer *packer, const char *path)
{
	const char *name = path + strlen(packer->root) + 1;
	char place[PATH_MAX];
	uint8_t *bytes;
	size_t n, n_name = strlen(name);
	int r = file_read(path, MANIFEST_SIZE_MAX, &bytes, &n);

	if (r < 0)
		return cli_fail(CLI_FAILURE, "%s: %s", path, strerror(-r));
	if (snprintf(place, sizeof(place), MANIFEST_FOLDER "%s", name) >= (int)sizeof(place)) {
		free(bytes);
		return cli_fail(CLI_FAILURE, "%s: too long", path);
	}
	if (!strchr(name, '/') && n_name > 5 && strcmp(name + n_name - 5, ".yaml") == 0)
		packer->has_policy = true;
	return add(packer, place, MANIFEST_POLICY, bytes, n);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int add_folder(struct packer *packer, const char *folder, unsigned depth);

static int add_any(struct packer *packer, const char *path, unsigned depth)
{
	struct stat st;

	if (!is_inside(packer, path))
		return cli_fail(CLI_FAILURE, "%s: leads out of %s", path, packer->root);
	if (stat(path, &st) < 0)
		return cli_fail(CLI_FAILURE, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return add_folder(packer, path, depth + 1);
	return add_file(packer, path);
}

/* Without what is hidden: a .git is nobody's policy. */
static int add_folder(struct packer *packer, const char *folder, unsigned depth)
{
	struct dirent **entries = NULL;
	int code = CLI_OK, n;

	if (depth >= MANIFEST_DEPTH_MAX)
		return cli_fail(CLI_FAILURE, "%s: too many folders in one another", folder);
	n = scandir(folder, &entries, is_visible, alphasort);
	if (n < 0)
		return cli_fail(CLI_FAILURE, "%s: %s", folder, strerror(errno));
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];

		if (code == CLI_OK && snprintf(path, sizeof(path), "%s/%s", folder,
					       entries[i]->d_name) >= (int)sizeof(path))
			code = cli_fail(CLI_FAILURE, "%s: too long", folder);
		if (code == CLI_OK)
			code = add_any(packer, path, depth);
		free(entries[i]);
	}
	free(entries);
	return code;
}

/* As a box reads it: its mistakes are found here rather than on each of them. */
static int check(struct packer *packer)
{
	struct config_error error;
	struct config *config;

	if (config_load_fleet(packer->cli->config_path, packer->root, &config, &error) < 0)
		return cli_fail(CLI_USAGE, "%s", error.text);
	config_free(config);
	return CLI_OK;
}

static int find_folder(struct packer *packer)
{
	const struct cli *cli = packer->cli;
	const char *slash = strrchr(cli->config_path, '/');
	int n = cli->argument || !slash ? 0 : (int)(slash + 1 - cli->config_path);
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%.*s%s", n, cli->config_path,
		     cli->argument ? cli->argument : CONFIG_FLEET) >= (int)sizeof(path))
		return cli_fail(CLI_USAGE, "too long a path");
	if (!realpath(path, packer->root))
		return cli_fail(CLI_FAILURE,
				"%s: %s; what all boxes share (rules, lists, keys) goes there",
				path, strerror(errno));
	return CLI_OK;
}

static int pack_folder(struct packer *packer)
{
	int code = find_folder(packer);

	if (code == CLI_OK)
		code = check(packer);
	if (code == CLI_OK)
		code = add_folder(packer, packer->root, 0);
	if (code == CLI_OK && !packer->has_policy)
		code = cli_fail(CLI_FAILURE, "%s: no *.yaml in it", packer->root);
	return code;
}

/* --- what else is in it --- */

static int pack_ca(struct packer *packer)
{
	static const char policy[] = "ca:\n  certificate: " CA_FILE "\n";
	struct ca_bytes bytes;
	struct ca_error error;
	uint8_t *copy;
	int code;

	if (ca_facts_export(packer->cli->config->ca.certificate, CA_EXPORT_CHAIN, &bytes, &error) <
	    0)
		return cli_fail(CLI_FAILURE, "%s", error.text);
	copy = malloc(bytes.length);
	if (copy)
		memcpy(copy, bytes.bytes, bytes.length);
	code = copy ? add(packer, MANIFEST_FOLDER CA_FILE, MANIFEST_POLICY, copy, bytes.length)
		    : cli_fail(CLI_FAILURE, "out of memory");
	ca_bytes_deinit(&bytes);
	copy = code == CLI_OK ? (uint8_t *)strdup(policy) : NULL;
	if (copy)
		code = add(packer, MANIFEST_FOLDER CA_POLICY, MANIFEST_POLICY, copy,
			   strlen(policy));
	return code;
}

static int pack_entries(struct packer *packer)
{
	char *text = NULL;
	size_t n = 0;
	int code = bundle_entries_pack(packer->cli, &text, &n, &packer->n_entries);

	if (code != CLI_OK) {
		free(text);
		return code;
	}
	return add(packer, MANIFEST_ENTRIES, MANIFEST_LEARNED, (uint8_t *)text, n);
}

static int name_it(struct packer *packer)
{
	struct manifest *manifest = &packer->manifest;
	char *end;

	manifest->made = manifest->serial = clock_wall_us();
	snprintf(manifest->version, sizeof(manifest->version), "%s", POSTERN_VERSION);
	if (gethostname(manifest->host, sizeof(manifest->host) - 1) < 0 || !manifest->host[0])
		strcpy(manifest->host, "localhost");
	if (!packer->cli->serial)
		return CLI_OK;
	errno = 0;
	manifest->serial = strtoull(packer->cli->serial, &end, 10);
	if (errno != 0 || *end || packer->cli->serial[0] < '0' || packer->cli->serial[0] > '9' ||
	    manifest->serial > INT64_MAX)
		return cli_fail(CLI_USAGE, "--serial %s: no number", packer->cli->serial);
	return CLI_OK;
}

/* --- the whole --- */

static int sign_and_write(struct packer *packer)
{
	const struct cli *cli = packer->cli;
	struct signing_key *key;
	struct bundle_error error;
	uint8_t *bytes;
	size_t n;
	int r;

	if (signing_key_read(cli->key, &key, &error) < 0)
		return cli_fail(CLI_FAILURE, "%s", error.text);
	r = bundle_write(&packer->manifest, key, &bytes, &n, &error);
	signing_key_free(key);
	if (r < 0)
		return cli_fail(CLI_FAILURE, "%s", error.text);
	r = file_write(cli->output, 0600, bytes, n, true);
	free(bytes);
	if (r < 0)
		return cli_fail(CLI_FAILURE, "%s: %s", cli->output, strerror(-r));
	printf("%s: bundle %llu, %u file%s, %zu learned server%s\n", cli->output,
	       (unsigned long long)packer->manifest.serial, packer->manifest.n,
	       packer->manifest.n == 1 ? "" : "s", packer->n_entries,
	       packer->n_entries == 1 ? "" : "s");
	return CLI_OK;
}

int cli_bundle_create(const struct cli *cli)
{
	struct packer packer = { .cli = cli };
	int code;

	if (!cli->key)
		return cli_fail(CLI_USAGE, "bundle create: signed by whom? --key FILE");
	if (!cli->output)
		return cli_fail(CLI_USAGE, "bundle create: into which file? -o FILE");
	code = name_it(&packer);
	if (code == CLI_OK)
		code = pack_folder(&packer);
	if (code == CLI_OK && cli->with_ca)
		code = pack_ca(&packer);
	if (code == CLI_OK && !cli->no_learned && strcmp(cli->config->learn.store, "none") != 0)
		code = pack_entries(&packer);
	if (code == CLI_OK)
		code = sign_and_write(&packer);
	packer_deinit(&packer);
	return code;
}
