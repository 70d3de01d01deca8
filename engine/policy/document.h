/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_DOCUMENT_H
#define POSTERN_POLICY_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "policy/config.h"

/*
 * A YAML document as a tree of libyaml's nodes, and the steps that reading one needs. Whatever is
 * not as it must be ends in a mistake() with file and line. Aliases make nodes appear more than
 * once, even inside themselves: readers descend by what they expect, never by what they find.
 */

struct document {
	yaml_document_t yaml;
	const char *file; /* borrowed, for mistakes and relative paths */
	struct config_error *ret_error;
};

/* 0 or -errno. The text may be empty; there is at most one document in it. */
int document_init(struct document *document, const char *text, size_t n, const char *file,
		  struct config_error *ret_error);
void document_deinit(struct document *document);

/* NULL when the document is empty. */
yaml_node_t *document_root(struct document *document);

unsigned document_line(const yaml_node_t *node);

/* "nothing", "text", "a list", "a mapping" */
const char *document_kind_text(const yaml_node_t *node);

/* A plain value left out, or written ~ or null. */
bool document_is_nothing(const yaml_node_t *node);

/* The value of a scalar that is something, else `expected` is what the mistake says. */
int document_text(struct document *document, yaml_node_t *node, const char *key,
		  const char *expected, const char **ret_text);

/* One "name: value" of a mapping. */
struct document_pair {
	const char *name;
	unsigned line;
	yaml_node_t *value;
};

/*
 * The i-th pair of a mapping: 1, 0 behind the last, or -EINVAL for a name that is no text or that
 * an earlier pair has. `prefix` ("timeouts." or "") goes before the name in mistakes.
 */
int document_pair(struct document *document, yaml_node_t *mapping, unsigned i, const char *prefix,
		  struct document_pair *ret_pair);

/* The i-th item of a list, or NULL behind the last; anything but a list is a list of itself. */
yaml_node_t *document_item(struct document *document, yaml_node_t *list, unsigned i);

#endif
