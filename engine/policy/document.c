/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/document.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/mistake.h"

/* libyaml knows no line of a byte that is no text, only how far it is. */
static unsigned line_of_offset(const char *text, size_t n, size_t offset)
{
	unsigned line = 1;

	for (size_t i = 0; i < n && i < offset; i++)
		line += text[i] == '\n';
	return line;
}

static int parser_failure(const yaml_parser_t *parser, const char *text, size_t n, const char *file,
			  struct config_error *ret_error)
{
	const char *problem = parser->problem ? parser->problem : "unknown problem";
	unsigned line = (unsigned)parser->problem_mark.line + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		line = line_of_offset(text, n, parser->problem_offset);
	return mistake(ret_error, file, line, NULL, "not valid YAML: %s", problem);
}

static int refuse_second(yaml_parser_t *parser, const char *text, size_t n,
			 struct document *document)
{
	yaml_document_t second;
	yaml_node_t *root;
	int r = 0;

	if (!yaml_parser_load(parser, &second))
		return parser_failure(parser, text, n, document->file, document->ret_error);
	root = yaml_document_get_root_node(&second);
	if (root)
		r = mistake(document->ret_error, document->file, document_line(root), NULL,
			    "a second document; only one may be in a file");
	yaml_document_delete(&second);
	return r;
}

int document_init(struct document *document, const char *text, size_t n, const char *file,
		  struct config_error *ret_error)
{
	yaml_parser_t parser;
	int r = 0;

	*document = (struct document){ .file = file, .ret_error = ret_error };
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
	if (!yaml_parser_load(&parser, &document->yaml))
		r = parser_failure(&parser, text, n, file, ret_error);
	else if (document_root(document))
		r = refuse_second(&parser, text, n, document);
	yaml_parser_delete(&parser);
	if (r < 0)
		document_deinit(document);
	return r;
}

void document_deinit(struct document *document)
{
	if (!document)
		return;
	yaml_document_delete(&document->yaml);
	document->yaml = (yaml_document_t){ 0 };
}

yaml_node_t *document_root(struct document *document)
{
	return yaml_document_get_root_node(&document->yaml);
}

unsigned document_line(const yaml_node_t *node)
{
	return (unsigned)node->start_mark.line + 1;
}

bool document_is_nothing(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	return node->type == YAML_SCALAR_NODE &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

const char *document_kind_text(const yaml_node_t *node)
{
	switch (node->type) {
	case YAML_SEQUENCE_NODE:
		return "a list";
	case YAML_MAPPING_NODE:
		return "a mapping";
	case YAML_SCALAR_NODE:
	case YAML_NO_NODE:
		break;
	}
	return document_is_nothing(node) ? "nothing" : "text";
}

int document_text(struct document *document, yaml_node_t *node, const char *key,
		  const char *expected, const char **ret_text)
{
	const char *text = (const char *)node->data.scalar.value;

	if (node->type != YAML_SCALAR_NODE || document_is_nothing(node))
		return mistake(document->ret_error, document->file, document_line(node), key,
			       "expected %s, got %s", expected, document_kind_text(node));
	if (strlen(text) != node->data.scalar.length)
		return mistake(document->ret_error, document->file, document_line(node), key,
			       "expected %s, got a text with a zero byte in it", expected);
	*ret_text = text;
	return 0;
}

static const char *pair_name(struct document *document, yaml_node_t *mapping, unsigned i)
{
	yaml_node_pair_t *pair = &mapping->data.mapping.pairs.start[i];
	yaml_node_t *name = yaml_document_get_node(&document->yaml, pair->key);

	return name->type == YAML_SCALAR_NODE ? (const char *)name->data.scalar.value : NULL;
}

int document_pair(struct document *document, yaml_node_t *mapping, unsigned i, const char *prefix,
		  struct document_pair *ret_pair)
{
	yaml_node_pair_t *pair = mapping->data.mapping.pairs.start + i;
	struct document_pair found;
	yaml_node_t *name;
	int r;

	if (pair >= mapping->data.mapping.pairs.top)
		return 0;
	name = yaml_document_get_node(&document->yaml, pair->key);
	r = document_text(document, name, NULL, "the name of a key", &found.name);
	if (r < 0)
		return r;
	found.line = document_line(name);
	found.value = yaml_document_get_node(&document->yaml, pair->value);
	for (unsigned j = 0; j < i; j++) {
		const char *earlier = pair_name(document, mapping, j);

		if (earlier && strcmp(earlier, found.name) == 0)
			return mistake(document->ret_error, document->file, found.line, NULL,
				       "%s%.100s: stands here twice", prefix, found.name);
	}
	*ret_pair = found;
	return 1;
}

yaml_node_t *document_item(struct document *document, yaml_node_t *list, unsigned i)
{
	yaml_node_item_t *item;

	if (list->type != YAML_SEQUENCE_NODE)
		return i == 0 ? list : NULL;
	item = list->data.sequence.items.start + i;
	return item < list->data.sequence.items.top ? yaml_document_get_node(&document->yaml, *item)
						    : NULL;
}
