/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/rule_read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/hostlist.h"
#include "policy/mistake.h"
#include "policy/pattern.h"
#include "policy/prefix.h"
#include "policy/urlpath.h"
#include "policy/value.h"

/*
 * A rule is `- ACTION: CONDITIONS`. The conditions are a mapping of the keys below, or in short the
 * value of `host` alone. Every value may be one item or a list of items. Beside them may stand what
 * is done with the connections, `capture` and `scan`, which are no conditions.
 */

#define NO_CONDITION "a rule without a condition; what no rule matches is for the key default"

/* One item of a key of a rule, on its way into the ruleset. */
struct item {
	struct document *document;
	struct ruleset *rules;
	const char *key; /* in full: "rules.pass.host" */
	unsigned line;
	const char *text;
};

static int item_mistake(const struct item *item, const char *expected)
{
	return mistake(item->document->ret_error, item->document->file, item->line, item->key,
		       "expected %s, got '%.300s'", expected, item->text);
}

static int read_host(const struct item *item)
{
	struct pattern pattern;
	const char *problem = pattern_parse(item->text, &pattern);

	if (problem)
		return mistake(item->document->ret_error, item->document->file, item->line,
			       item->key, "'%.300s' is no host pattern: %s", item->text, problem);
	return ruleset_add_host(item->rules, &pattern);
}

static int read_host_file(const struct item *item)
{
	char path[CONFIG_PATH_MAX];
	int r;

	if (!value_path(item->document->file, item->text, path, sizeof(path)))
		return item_mistake(item, "a path of at most 511 characters");
	r = hostlist_read(path, item->rules, item->document->ret_error);
	if (r < 0 && r != -EINVAL)
		mistake(item->document->ret_error, item->document->file, item->line, item->key,
			"cannot read %s: %s", path, strerror(-r));
	return r;
}

static int read_prefix(const struct item *item,
		       int (*add)(struct ruleset *rules, const struct prefix *prefix))
{
	struct prefix prefix;

	if (!prefix_parse(item->text, &prefix))
		return item_mistake(item, "an address or a prefix such as 192.0.2.0/24");
	return add(item->rules, &prefix);
}

static int read_server(const struct item *item)
{
	return read_prefix(item, ruleset_add_server);
}

static int read_client(const struct item *item)
{
	return read_prefix(item, ruleset_add_client);
}

static int read_port(const struct item *item)
{
	uint64_t port;

	if (!value_number(item->text, 1, UINT16_MAX, &port))
		return item_mistake(item, "a number from 1 to 65535");
	return ruleset_add_port(item->rules, (uint16_t)port);
}

static int read_wish(const struct item *item, void (*set)(struct ruleset *rules, bool is))
{
	bool is = strcmp(item->text, "true") == 0;

	if (!is && strcmp(item->text, "false") != 0)
		return item_mistake(item, "true or false");
	set(item->rules, is);
	return 0;
}

static int read_capture(const struct item *item)
{
	return read_wish(item, ruleset_set_capture);
}

static int read_scan(const struct item *item)
{
	return read_wish(item, ruleset_set_scan);
}

static int read_path(const struct item *item)
{
	const char *problem = urlpath_pattern_problem(item->text);

	if (problem)
		return mistake(item->document->ret_error, item->document->file, item->line,
			       item->key, "'%.300s' is no path: %s", item->text, problem);
	return ruleset_add_path(item->rules, item->text);
}

static const struct rule_key {
	const char *name;
	bool by_host, is_condition;
	int (*read)(const struct item *item);
} rule_keys[] = {
	{ "host", true, true, read_host },      { "host_file", true, true, read_host_file },
	{ "server", false, true, read_server }, { "client", false, true, read_client },
	{ "port", false, true, read_port },     { "capture", false, false, read_capture },
	{ "scan", false, false, read_scan },    { "path", false, true, read_path },
};
enum { N_RULE_KEYS = sizeof(rule_keys) / sizeof(rule_keys[0]) };

static const struct rule_key *rule_key_find(const char *name)
{
	for (unsigned i = 0; i < N_RULE_KEYS; i++) {
		if (strcmp(rule_keys[i].name, name) == 0)
			return &rule_keys[i];
	}
	return NULL;
}

static int read_items(struct document *document, struct ruleset *rules, const struct rule_key *key,
		      const char *full_key, yaml_node_t *value)
{
	yaml_node_t *node = document_item(document, value, 0);

	if (!node)
		return mistake(document->ret_error, document->file, document_line(value), full_key,
			       "an empty list would match nothing");
	for (unsigned i = 0; node; node = document_item(document, value, ++i)) {
		struct item item = {
			.document = document,
			.rules = rules,
			.key = full_key,
			.line = document_line(node),
		};
		int r = document_text(document, node, full_key, "a value or a list of values",
				      &item.text);

		if (r == 0)
			r = key->read(&item);
		if (r < 0)
			return r;
	}
	return 0;
}

static int refuse_key(struct document *document, const char *prefix,
		      const struct document_pair *pair)
{
	struct guess guess = guess_for(pair->name);

	for (unsigned i = 0; i < N_RULE_KEYS; i++)
		guess_try(&guess, rule_keys[i].name, strlen(rule_keys[i].name));
	return mistake(document->ret_error, document->file, pair->line, NULL,
		       "%s%.100s: unknown key%s", prefix, pair->name, guess.text);
}

/* What is no condition: it says one thing, and only of what the engine decrypts. */
static int check_property(struct document *document, const struct document_pair *pair,
			  const char *prefix, enum action action)
{
	if (action != ACTION_INTERCEPT)
		return mistake(document->ret_error, document->file, pair->line, NULL,
			       "%s%s: only a rule that intercepts may say this", prefix,
			       pair->name);
	if (pair->value->type != YAML_SCALAR_NODE)
		return mistake(document->ret_error, document->file, pair->line, NULL,
			       "%s%s: expected true or false, got %s", prefix, pair->name,
			       document_kind_text(pair->value));
	return 0;
}

/* Without a host it would open, and so break, whatever other rules want to pass. */
static int check_path(struct document *document, enum action action, unsigned line, bool by_host)
{
	if (action == ACTION_PASS)
		return mistake(document->ret_error, document->file, line, "rules.pass.path",
			       "a path is seen only inside an intercepted connection; block or "
			       "intercept it");
	if (!by_host)
		return mistake(document->ret_error, document->file, line, "rules",
			       "a rule with a path must name a host ('*' for any)");
	return 0;
}

/* All keys are known, and some ask for something. `line` is the rule's. */
static int check_keys(struct document *document, yaml_node_t *mapping, const char *prefix,
		      enum action action, unsigned line, bool *ret_by_host)
{
	unsigned n_conditions = 0;
	bool by_host = false, by_path = false;
	struct document_pair pair;
	int r;

	for (unsigned i = 0; (r = document_pair(document, mapping, i, prefix, &pair)) > 0; i++) {
		const struct rule_key *key = rule_key_find(pair.name);

		if (!key)
			return refuse_key(document, prefix, &pair);
		r = key->is_condition ? 0 : check_property(document, &pair, prefix, action);
		if (r < 0)
			return r;
		by_host |= key->by_host;
		by_path |= key->read == read_path;
		n_conditions += key->is_condition;
	}
	if (r == 0 && n_conditions == 0)
		return mistake(document->ret_error, document->file, line, "rules", NO_CONDITION);
	if (r == 0 && by_path)
		r = check_path(document, action, line, by_host);
	*ret_by_host = by_host;
	return r;
}

static int read_conditions(struct document *document, yaml_node_t *mapping, enum action action,
			   unsigned line, struct ruleset *rules)
{
	const char *file = ruleset_file(rules, document->file);
	bool by_host = false;
	struct document_pair pair;
	char prefix[32], full_key[64];
	int r;

	snprintf(prefix, sizeof(prefix), "rules.%s.", action_text(action));
	r = check_keys(document, mapping, prefix, action, line, &by_host);
	if (r == 0)
		r = file ? ruleset_add(rules, action, by_host, file, line) : -ENOMEM;
	for (unsigned i = 0; r == 0; i++) {
		r = document_pair(document, mapping, i, prefix, &pair);
		if (r <= 0)
			return r;
		snprintf(full_key, sizeof(full_key), "%s%s", prefix, pair.name);
		r = read_items(document, rules, rule_key_find(pair.name), full_key, pair.value);
	}
	return r;
}

static int read_short_form(struct document *document, yaml_node_t *hosts, enum action action,
			   unsigned line, struct ruleset *rules)
{
	const char *file = ruleset_file(rules, document->file);
	char full_key[32];

	if (!file || ruleset_add(rules, action, true, file, line) < 0)
		return -ENOMEM;
	snprintf(full_key, sizeof(full_key), "rules.%s", action_text(action));
	return read_items(document, rules, rule_key_find("host"), full_key, hosts);
}

/* False: there is no action of this name. */
static bool find_action(const char *name, enum action *ret_action)
{
#define ACTION_ITEM(constant, text) constant,
	static const enum action actions[] = { ACTIONS(ACTION_ITEM) };
#undef ACTION_ITEM

	for (unsigned i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(action_text(actions[i]), name) == 0) {
			*ret_action = actions[i];
			return true;
		}
	}
	return false;
}

static int read_one(struct document *document, yaml_node_t *node, struct ruleset *rules)
{
	struct document_pair pair, second;
	enum action action;
	int r = 0;

	if (node->type == YAML_MAPPING_NODE)
		r = document_pair(document, node, 0, "rules.", &pair);
	if (r < 0)
		return r;
	if (r == 0)
		return mistake(document->ret_error, document->file, document_line(node), "rules",
			       "expected a rule such as 'pass: .gov', got %s",
			       node->type == YAML_MAPPING_NODE ? "an empty mapping"
							       : document_kind_text(node));
	if (!find_action(pair.name, &action))
		return mistake(document->ret_error, document->file, pair.line, "rules",
			       "expected pass, intercept or block, got '%.100s'", pair.name);
	r = document_pair(document, node, 1, "rules.", &second);
	if (r < 0)
		return r;
	if (r > 0)
		return mistake(
			document->ret_error, document->file, second.line, "rules",
			"one action makes a rule; '%.100s' must go below '%s' or into a rule "
			"of its own",
			second.name, pair.name);

	if (pair.value->type != YAML_MAPPING_NODE)
		return read_short_form(document, pair.value, action, pair.line, rules);
	if (pair.value->data.mapping.pairs.start == pair.value->data.mapping.pairs.top)
		return mistake(document->ret_error, document->file, pair.line, "rules",
			       NO_CONDITION);
	return read_conditions(document, pair.value, action, pair.line, rules);
}

int rule_read(struct document *document, yaml_node_t *list, struct ruleset *rules)
{
	yaml_node_t *node;

	if (document_is_nothing(list))
		return 0;
	if (list->type != YAML_SEQUENCE_NODE)
		return mistake(document->ret_error, document->file, document_line(list), "rules",
			       "expected a list of rules, got %s", document_kind_text(list));
	for (unsigned i = 0; (node = document_item(document, list, i)); i++) {
		int r = read_one(document, node, rules);

		if (r < 0)
			return r;
	}
	return 0;
}
