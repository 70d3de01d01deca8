/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/array.h"
#include "policy/hostset.h"
#include "policy/prefix.h"
#include "policy/urlpath.h"

/*
 * How it works. The host names of all rules live in one set, each with the number of its rule; one
 * look at it gives the first rule that names the host and whose other conditions hold. The rules
 * that ask for no name are few and are tried in order, but only those before it.
 */

struct prefix_list {
	struct prefix *items;
	unsigned n;
};

/* What a rule says of something that is done with the connection. */
enum wish { WISH_DEFAULT, WISH_YES, WISH_NO };

struct rule {
	enum action action;
	enum wish capture, scan;
	const char *file;
	unsigned line;
	struct prefix_list server, client;
	uint16_t *ports;
	unsigned n_ports;
	char **paths;
	unsigned n_paths;
};

struct ruleset {
	enum action fallback;
	bool is_captured, is_scanned; /* what no rule says it of */
	struct rule *rules;
	uint32_t n_rules;
	struct hostset hosts;
	uint32_t *hostless; /* numbers of the rules that ask for no name, ascending */
	uint32_t n_hostless;
	bool has_paths; /* some rule has */
	char **files;
	unsigned n_files;
};

const char *action_text(enum action action)
{
	switch (action) {
#define ACTION_CASE(constant, text)                                                                \
	case constant:                                                                             \
		return text;
		ACTIONS(ACTION_CASE)
#undef ACTION_CASE
	}
	return "?";
}

/* --- deciding -------------------------------------------------------------------------------- */

static bool list_admits(const struct prefix_list *list, const union addr *addr)
{
	for (unsigned i = 0; i < list->n; i++) {
		if (prefix_contains(&list->items[i], addr))
			return true;
	}
	return list->n == 0;
}

static bool ports_admit(const struct rule *rule, uint16_t port)
{
	for (unsigned i = 0; i < rule->n_ports; i++) {
		if (rule->ports[i] == port)
			return true;
	}
	return rule->n_ports == 0;
}

/* What forbids need match in one reading of the path, what allows must in all. */
static bool paths_admit(const struct rule *rule, const struct urlpath *path)
{
	for (unsigned i = 0; i < rule->n_paths; i++) {
		if (urlpath_matches(path, rule->paths[i], rule->action != ACTION_BLOCK))
			return true;
	}
	return rule->n_paths == 0;
}

/* Before there are requests, what it is about. */
static enum action action_before(const struct rule *rule)
{
	return rule->n_paths > 0 ? ACTION_INTERCEPT : rule->action;
}

struct question {
	const struct ruleset *rules;
	const struct subject *subject;
	const struct urlpath *path; /* NULL: not known yet */
	bool is_about_paths;        /* only rules that have some */
};

/* Whether all but the host fits. */
static bool rule_admits(const void *context, uint32_t number)
{
	const struct question *question = context;
	const struct rule *rule = &question->rules->rules[number];
	const struct subject *subject = question->subject;

	return list_admits(&rule->server, &subject->server) &&
	       list_admits(&rule->client, &subject->client) &&
	       ports_admit(rule, addr_port(&subject->server)) &&
	       (!question->path || paths_admit(rule, question->path)) &&
	       (!question->is_about_paths || rule->n_paths > 0);
}

/* The number of the first that fits, or HOSTSET_NONE. */
static uint32_t first_rule(const struct question *question)
{
	const struct ruleset *rules = question->rules;
	uint32_t first =
		hostset_lowest(&rules->hosts, question->subject->host, rule_admits, question);

	for (uint32_t i = 0; i < rules->n_hostless && rules->hostless[i] < first; i++) {
		if (rule_admits(question, rules->hostless[i]))
			first = rules->hostless[i];
	}
	return first;
}

static bool is_wished(enum wish wish, bool fallback)
{
	return wish == WISH_DEFAULT ? fallback : wish == WISH_YES;
}

static struct verdict decide(const struct question *question)
{
	const struct ruleset *rules = question->rules;
	uint32_t first = first_rule(question);
	const struct rule *rule;

	if (first == HOSTSET_NONE)
		return (struct verdict){ .action = rules->fallback,
					 .is_captured = rules->is_captured,
					 .is_scanned = rules->is_scanned };
	rule = &rules->rules[first];
	return (struct verdict){
		.action = question->path ? rule->action : action_before(rule),
		.file = rule->file,
		.line = rule->line,
		.is_captured = is_wished(rule->capture, rules->is_captured),
		.is_scanned = is_wished(rule->scan, rules->is_scanned),
	};
}

struct verdict ruleset_decide(const struct ruleset *rules, const struct subject *subject)
{
	struct question question = { .rules = rules, .subject = subject };

	return decide(&question);
}

bool ruleset_has_paths(const struct ruleset *rules)
{
	return rules->has_paths;
}

const char *ruleset_first_scan(const struct ruleset *rules, unsigned *ret_line)
{
	for (uint32_t i = 0; i < rules->n_rules; i++) {
		if (rules->rules[i].scan != WISH_YES)
			continue;
		*ret_line = rules->rules[i].line;
		return rules->rules[i].file;
	}
	return NULL;
}

bool ruleset_has_paths_for(const struct ruleset *rules, const struct subject *subject)
{
	struct question question = { .rules = rules, .subject = subject, .is_about_paths = true };

	return rules->has_paths && first_rule(&question) != HOSTSET_NONE;
}

struct verdict ruleset_decide_request(const struct ruleset *rules, const struct subject *subject,
				      const struct urlpath *path)
{
	struct question question = { .rules = rules, .subject = subject, .path = path };

	return decide(&question);
}

/*
 * The rules that the connection may meet, up to the first that it is sure to: if they all want the
 * same, no name changes it.
 */
struct foresight ruleset_foresee(const struct ruleset *rules, const union addr *client,
				 const union addr *server)
{
	struct foresight foresight = { .action = rules->fallback, .holds_for_all_clients = true };
	unsigned wanted = 0; /* bits 1 << action */
	uint32_t next = 0;   /* of `hostless` */

	for (uint32_t i = 0; i < rules->n_rules; i++) {
		const struct rule *rule = &rules->rules[i];
		bool by_host = next == rules->n_hostless || rules->hostless[next] != i;

		next += !by_host;
		if (!list_admits(&rule->server, server) || !ports_admit(rule, addr_port(server)))
			continue;
		if (rule->client.n > 0)
			foresight.holds_for_all_clients = false;
		if (!list_admits(&rule->client, client))
			continue;
		wanted |= 1U << action_before(rule);
		if (!by_host) {
			foresight.action = action_before(rule);
			break;
		}
	}
	wanted |= 1U << foresight.action;
	foresight.is_certain = wanted == 1U << foresight.action;
	return foresight;
}

/* --- making ---------------------------------------------------------------------------------- */

struct ruleset *ruleset_new(void)
{
	struct ruleset *rules = calloc(1, sizeof(*rules));

	if (rules)
		rules->fallback = ACTION_INTERCEPT;
	return rules;
}

void ruleset_free(struct ruleset *rules)
{
	if (!rules)
		return;
	for (uint32_t i = 0; i < rules->n_rules; i++) {
		free(rules->rules[i].server.items);
		free(rules->rules[i].client.items);
		free(rules->rules[i].ports);
		for (unsigned path = 0; path < rules->rules[i].n_paths; path++)
			free(rules->rules[i].paths[path]);
		free(rules->rules[i].paths);
	}
	for (unsigned i = 0; i < rules->n_files; i++)
		free(rules->files[i]);
	free(rules->rules);
	free(rules->hostless);
	free(rules->files);
	hostset_deinit(&rules->hosts);
	free(rules);
}

void ruleset_set_default(struct ruleset *rules, enum action action)
{
	rules->fallback = action;
}

void ruleset_set_default_capture(struct ruleset *rules, bool is_captured)
{
	rules->is_captured = is_captured;
}

void ruleset_set_default_scan(struct ruleset *rules, bool is_scanned)
{
	rules->is_scanned = is_scanned;
}

const char *ruleset_file(struct ruleset *rules, const char *path)
{
	char **files;

	for (unsigned i = 0; i < rules->n_files; i++) {
		if (strcmp(rules->files[i], path) == 0)
			return rules->files[i];
	}
	files = array_grow(rules->files, rules->n_files, sizeof(*files));
	if (!files)
		return NULL;
	rules->files = files;
	files[rules->n_files] = strdup(path);
	if (!files[rules->n_files])
		return NULL;
	return files[rules->n_files++];
}

int ruleset_add(struct ruleset *rules, enum action action, bool by_host, const char *file,
		unsigned line)
{
	struct rule *grown = array_grow(rules->rules, rules->n_rules, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	rules->rules = grown;
	if (!by_host) {
		uint32_t *hostless =
			array_grow(rules->hostless, rules->n_hostless, sizeof(*hostless));

		if (!hostless)
			return -ENOMEM;
		rules->hostless = hostless;
		hostless[rules->n_hostless++] = rules->n_rules;
	}
	grown[rules->n_rules++] = (struct rule){ .action = action, .file = file, .line = line };
	return 0;
}

int ruleset_add_host(struct ruleset *rules, const struct pattern *pattern)
{
	return hostset_add(&rules->hosts, pattern, rules->n_rules - 1);
}

static int list_add(struct prefix_list *list, const struct prefix *prefix)
{
	struct prefix *items = array_grow(list->items, list->n, sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->n++] = *prefix;
	return 0;
}

int ruleset_add_server(struct ruleset *rules, const struct prefix *prefix)
{
	return list_add(&rules->rules[rules->n_rules - 1].server, prefix);
}

int ruleset_add_client(struct ruleset *rules, const struct prefix *prefix)
{
	return list_add(&rules->rules[rules->n_rules - 1].client, prefix);
}

int ruleset_add_port(struct ruleset *rules, uint16_t port)
{
	struct rule *rule = &rules->rules[rules->n_rules - 1];
	uint16_t *ports = array_grow(rule->ports, rule->n_ports, sizeof(*ports));

	if (!ports)
		return -ENOMEM;
	rule->ports = ports;
	ports[rule->n_ports++] = port;
	return 0;
}

void ruleset_set_capture(struct ruleset *rules, bool is_captured)
{
	rules->rules[rules->n_rules - 1].capture = is_captured ? WISH_YES : WISH_NO;
}

void ruleset_set_scan(struct ruleset *rules, bool is_scanned)
{
	rules->rules[rules->n_rules - 1].scan = is_scanned ? WISH_YES : WISH_NO;
}

int ruleset_add_path(struct ruleset *rules, const char *pattern)
{
	struct rule *rule = &rules->rules[rules->n_rules - 1];
	char **paths = array_grow(rule->paths, rule->n_paths, sizeof(*paths));

	if (!paths)
		return -ENOMEM;
	rule->paths = paths;
	paths[rule->n_paths] = strdup(pattern);
	if (!paths[rule->n_paths])
		return -ENOMEM;
	urlpath_pattern_prepare(paths[rule->n_paths++]);
	rules->has_paths = true;
	return 0;
}
