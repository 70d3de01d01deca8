/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/load.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/endpoint.h"
#include "policy/authorities.h"
#include "policy/document.h"
#include "policy/keys.h"
#include "policy/mistake.h"
#include "policy/output_read.h"
#include "policy/rule_read.h"
#include "policy/value.h"

/*
 * How it works. keys.h has all that is known of a key. Defaults go through the same readers as what
 * the owner writes. A file is walked two levels deep, `group: { name: value }` or `name: value`;
 * `rules` is the one key that is no single value and has a reader of its own. What concerns two
 * keys at once is looked at when all files are read.
 */

/* --- one file -------------------------------------------------------------------------------- */

/* Where a key was set last; file is NULL while it has its default. */
struct place {
	const char *file;
	unsigned line;
};

struct loader {
	struct config *config;
	struct config_error *ret_error;
	struct place places[KEYS_N];
	bool is_fleet; /* reading what all boxes of a fleet share */
};

static void *member_of(struct config *config, const struct key *key)
{
	return (char *)config + key->offset;
}

static int set_key(struct loader *loader, struct document *document, const struct key *key,
		   yaml_node_t *value)
{
	const char *file = ruleset_file(loader->config->rules, document->file);
	char expected[VALUE_EXPECTED_MAX];
	const char *text;
	int r;

	if (loader->is_fleet && !key_is_shared(key))
		return mistake(document->ret_error, document->file, document_line(value), key->name,
			       "is for each box to say, and may not stand in the fleet's files");
	value_expected(key->kind, NULL, key->size, expected);
	r = document_text(document, value, key->name, expected, &text);
	if (r < 0)
		return r;
	if (!value_read(key->kind, text, document->file, member_of(loader->config, key),
			key->size)) {
		value_expected(key->kind, text, key->size, expected);
		return mistake(document->ret_error, document->file, document_line(value), key->name,
			       "expected %s, got '%.300s'", expected, text);
	}
	if (!file)
		return -ENOMEM;
	loader->places[key - keys_all] = (struct place){ file, document_line(value) };
	return 0;
}

/* `group` is "timeouts." or, at the top, "". */
static int refuse_key(struct document *document, const char *group,
		      const struct document_pair *pair)
{
	size_t n_group = strlen(group);
	char full[CONFIG_NAME_MAX];
	struct guess guess;

	snprintf(full, sizeof(full), "%s%s", group, pair->name);
	guess = guess_for(full);
	for (unsigned i = 0; i < KEYS_N; i++) {
		const char *name = keys_all[i].name;
		bool is_inside = n_group > 0 && strncmp(name, group, n_group) == 0;

		guess_try(&guess, name,
			  is_inside || strchr(full, '.') ? strlen(name) : strcspn(name, "."));
	}
	if (n_group == 0)
		guess_try(&guess, "rules", strlen("rules"));
	guess_try(&guess, "log.outputs", strlen("log.outputs"));
	return mistake(document->ret_error, document->file, pair->line, NULL,
		       "%s%.100s: unknown key%s", group, pair->name, guess.text);
}

static bool is_group(const char *name)
{
	size_t n = strlen(name);

	for (unsigned i = 0; i < KEYS_N; i++) {
		if (strncmp(keys_all[i].name, name, n) == 0 && keys_all[i].name[n] == '.')
			return true;
	}
	return false;
}

static int read_group(struct loader *loader, struct document *document, const char *name,
		      yaml_node_t *mapping)
{
	struct document_pair pair;
	char prefix[CONFIG_NAME_MAX], full[CONFIG_NAME_MAX];
	int r;

	if (document_is_nothing(mapping))
		return 0;
	if (mapping->type != YAML_MAPPING_NODE)
		return mistake(document->ret_error, document->file, document_line(mapping), name,
			       "expected a mapping, got %s", document_kind_text(mapping));
	snprintf(prefix, sizeof(prefix), "%s.", name);
	for (unsigned i = 0; (r = document_pair(document, mapping, i, prefix, &pair)) > 0; i++) {
		const struct key *key;

		snprintf(full, sizeof(full), "%s%s", prefix, pair.name);
		key = keys_find(full);
		if (strcmp(full, "log.outputs") == 0)
			r = output_read(document, pair.value, loader->config);
		else
			r = key ? set_key(loader, document, key, pair.value)
				: refuse_key(document, prefix, &pair);
		if (r < 0)
			break;
	}
	return r;
}

static int read_top(struct loader *loader, struct document *document, yaml_node_t *root)
{
	struct document_pair pair;
	int r;

	if (document_is_nothing(root))
		return 0;
	if (root->type != YAML_MAPPING_NODE)
		return mistake(document->ret_error, document->file, document_line(root), NULL,
			       "expected a mapping of keys, got %s", document_kind_text(root));
	for (unsigned i = 0; (r = document_pair(document, root, i, "", &pair)) > 0; i++) {
		const struct key *key = strchr(pair.name, '.') ? NULL : keys_find(pair.name);

		if (strcmp(pair.name, "rules") == 0)
			r = rule_read(document, pair.value, loader->config->rules);
		else if (key)
			r = set_key(loader, document, key, pair.value);
		else if (is_group(pair.name))
			r = read_group(loader, document, pair.name, pair.value);
		else
			r = refuse_key(document, "", &pair);
		if (r < 0)
			break;
	}
	return r;
}

static int read_text(struct loader *loader, const char *text, size_t n, const char *file)
{
	struct document document;
	int r = document_init(&document, text, n, file, loader->ret_error);

	if (r < 0)
		return r;
	if (document_root(&document))
		r = read_top(loader, &document, document_root(&document));
	document_deinit(&document);
	return r;
}

static int read_file(struct loader *loader, const char *file)
{
	char *text = NULL;
	size_t room = 0;
	FILE *stream = fopen(file, "re");
	ssize_t n = 0;
	int r = 0;

	if (stream) {
		errno = 0;
		n = getdelim(&text, &room, EOF, stream);
	}
	if (!stream || (n < 0 && errno != 0)) {
		r = -errno;
		mistake(loader->ret_error, file, 0, NULL, "cannot be read: %s", strerror(errno));
	} else {
		r = read_text(loader, text, n < 0 ? 0 : (size_t)n, file);
	}
	if (stream)
		fclose(stream);
	free(text);
	return r;
}

/* --- all of it ------------------------------------------------------------------------------- */

static bool is_drop_in(const char *name)
{
	size_t n = strlen(name), n_suffix = strlen(".yaml");

	return name[0] != '.' && n > n_suffix && strcmp(name + n - n_suffix, ".yaml") == 0;
}

static int filter_drop_in(const struct dirent *entry)
{
	return is_drop_in(entry->d_name);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* `folder` ends in a slash. One that is not there is empty. */
static int read_folder(struct loader *loader, const char *folder)
{
	char file[PATH_MAX];
	struct dirent **entries = NULL;
	int n, r = 0;

	n = scandir(folder, &entries, filter_drop_in, compare_names);
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0) {
		r = -errno;
		mistake(loader->ret_error, folder, 0, NULL, "cannot be read: %s", strerror(errno));
		return r;
	}
	for (int i = 0; i < n; i++) {
		if (r == 0 && !value_path(folder, entries[i]->d_name, file, sizeof(file)))
			r = -ENAMETOOLONG;
		if (r == 0)
			r = read_file(loader, file);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int read_drop_ins(struct loader *loader, const char *main_file)
{
	char folder[PATH_MAX];

	return value_path(main_file, "conf.d/", folder, sizeof(folder))
		       ? read_folder(loader, folder)
		       : -ENAMETOOLONG;
}

/*
 * What is there may be a link, which is put to another folder while we read (engine/fleet): its end
 * is looked up once, so that all files are of one kind. A link to nothing is a mistake.
 */
static int read_fleet(struct loader *loader, const char *main_file, const char *fleet)
{
	char name[PATH_MAX], folder[PATH_MAX];
	struct stat st;
	int r;

	if (!value_path(main_file, fleet ? fleet : CONFIG_FLEET, name, sizeof(name)))
		return -ENAMETOOLONG;
	if (lstat(name, &st) < 0 && errno == ENOENT)
		return 0;
	if (!realpath(name, folder)) {
		r = -errno;
		mistake(loader->ret_error, name, 0, NULL, "cannot be read: %s", strerror(errno));
		return r;
	}
	if (strlen(folder) + 1 >= sizeof(folder))
		return -ENAMETOOLONG;
	strcat(folder, "/");
	loader->is_fleet = true;
	r = read_folder(loader, folder);
	loader->is_fleet = false;
	return r;
}

/* A mistake about the key, at the place where it was set, or else where `other` was. */
static int conflict(struct loader *loader, const char *name, const char *other, const char *what)
{
	const struct key *key = keys_find(name);
	const struct place *place = &loader->places[key - keys_all];

	if (!place->file) {
		key = keys_find(other);
		place = &loader->places[key - keys_all];
	}
	return mistake(loader->ret_error, place->file, place->line, key->name, "%s", what);
}

static int check_scans(struct loader *loader)
{
	unsigned line = 0;
	const char *file = ruleset_first_scan(loader->config->rules, &line);

	if (!file || *loader->config->icap.url)
		return 0;
	return mistake(loader->ret_error, file, line, "rules.intercept.scan",
		       "there is no ICAP server (icap.url)");
}

static int check_together(struct loader *loader)
{
	const struct config *config = loader->config;
	struct endpoint web;

	if (config->listen.ipv4.sa.sa_family == AF_UNSPEC &&
	    config->listen.ipv6.sa.sa_family == AF_UNSPEC)
		return conflict(loader, "listen.ipv6", "listen.ipv4",
				"none for both addresses: there is nothing to listen on");
	if (config->mark_listener & config->mark_upstream)
		return conflict(loader, "marks.upstream", "marks.listener",
				"marks.listener and marks.upstream share bits");
	if (endpoint_parse(config->web.listen, &web) && !endpoint_is_local(&web) &&
	    !config->web.is_remote)
		return conflict(loader, "web.listen", "web.remote",
				"other machines reach this address: web.remote: true allows it");
	if (config->upstream.invalid == ON_INVALID_MIRROR &&
	    (!*config->ca.untrusted_certificate || !*config->ca.untrusted_key))
		return conflict(loader, "upstream.invalid", "upstream.invalid",
				"mirror needs ca.untrusted_certificate and ca.untrusted_key");
	return check_scans(loader);
}

static int read_authorities(struct loader *loader)
{
	const struct key *key = keys_find("client_certificate.authorities");
	const struct place *place = &loader->places[key - keys_all];
	struct config *config = loader->config;
	const char *path = config->client_certificate.authorities;
	int r;

	if (!*path)
		return 0;
	r = authorities_read(path, &config->authorities, loader->ret_error);
	if (r < 0 && !*loader->ret_error->text)
		mistake(loader->ret_error, place->file, place->line, key->name, "%s: %s", path,
			strerror(-r));
	return r;
}

/* Its reader wants the default without the quotes that YAML needs around some. */
static bool set_default(struct config *config, const struct key *key)
{
	size_t is_quoted = key->fallback[0] == '"', n = strlen(key->fallback) - 2 * is_quoted;
	char text[CONFIG_PATH_MAX];

	memcpy(text, key->fallback + is_quoted, n);
	text[n] = '\0';
	return value_read(key->kind, text, "", member_of(config, key), key->size);
}

static int loader_init(struct loader *loader, struct config_error *ret_error)
{
	*loader = (struct loader){ .ret_error = ret_error };
	ret_error->text[0] = '\0';
	loader->config = calloc(1, sizeof(*loader->config));
	if (!loader->config)
		return -ENOMEM;
	loader->config->rules = ruleset_new();
	if (!loader->config->rules)
		return -ENOMEM;
	output_default(loader->config);
	for (unsigned i = 0; i < KEYS_N; i++) {
		if (!set_default(loader->config, &keys_all[i]))
			return mistake(ret_error, "built in", 0, keys_all[i].name,
				       "no valid default");
	}
	return 0;
}

/* Hands the configuration over if all went well (r is 0), else frees it. Returns r or -errno. */
static int loader_finish(struct loader *loader, int r, const char *file, struct config **ret_config)
{
	struct config *config = loader->config;

	if (r == 0)
		r = check_together(loader);
	if (r == 0)
		r = read_authorities(loader);
	if (r < 0) {
		if (!*loader->ret_error->text)
			mistake(loader->ret_error, file, 0, NULL, "%s", strerror(-r));
		config_free(config);
		return r;
	}
	if (config->listen.ipv4.sa.sa_family != AF_UNSPEC)
		addr_set_port(&config->listen.ipv4, (uint16_t)config->listen.port);
	if (config->listen.ipv6.sa.sa_family != AF_UNSPEC)
		addr_set_port(&config->listen.ipv6, (uint16_t)config->listen.port);
	ruleset_set_default(config->rules, config->fallback);
	ruleset_set_default_capture(config->rules, config->capture.is_default);
	ruleset_set_default_scan(config->rules, *config->icap.url && config->icap.is_default);
	*ret_config = config;
	return 0;
}

int config_load(const char *path, struct config **ret_config, struct config_error *ret_error)
{
	return config_load_fleet(path, NULL, ret_config, ret_error);
}

int config_load_fleet(const char *path, const char *fleet, struct config **ret_config,
		      struct config_error *ret_error)
{
	struct loader loader;
	int r = loader_init(&loader, ret_error);

	if (r == 0)
		r = read_file(&loader, path);
	if (r == 0)
		r = read_fleet(&loader, path, fleet);
	if (r == 0)
		r = read_drop_ins(&loader, path);
	return loader_finish(&loader, r, path, ret_config);
}

int config_parse(const char *text, size_t n, const char *file, struct config **ret_config,
		 struct config_error *ret_error)
{
	struct loader loader;
	int r = loader_init(&loader, ret_error);

	if (r == 0)
		r = read_text(&loader, text, n, file);
	return loader_finish(&loader, r, file, ret_config);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	authorities_free(config->authorities);
	ruleset_free(config->rules);
	free(config);
}
