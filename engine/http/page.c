/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_MAX = 256 };

static const char built_in[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n"
	"<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<title>Not allowed</title>\n"
	"<style>body { font: 1.1em/1.5 sans-serif; max-width: 36em; margin: 4em auto; "
	"padding: 0 1em } code { overflow-wrap: anywhere } small { color: #666 }</style>\n"
	"</head>\n"
	"<body>\n"
	"<h1>This page is not allowed here</h1>\n"
	"<p>The rules of this network do not allow <code>{{host}}{{path}}</code>.</p>\n"
	"<p>If you need it, ask whoever runs the network.</p>\n"
	"<p><small>{{client}}, {{id}}</small></p>\n"
	"</body>\n"
	"</html>\n";

int page_load(const char *path, char **ret_template)
{
	char text[PAGE_TEMPLATE_MAX + 1];
	FILE *file;
	size_t n;
	int r = 0;

	if (path[0] == '\0') {
		*ret_template = strdup(built_in);
		return *ret_template ? 0 : -ENOMEM;
	}
	file = fopen(path, "re");
	if (!file)
		return -errno;
	errno = 0;
	n = fread(text, 1, sizeof(text), file);
	if (ferror(file))
		r = errno ? -errno : -EIO;
	else if (n > PAGE_TEMPLATE_MAX)
		r = -EFBIG;
	else if (memchr(text, '\0', n))
		r = -EILSEQ;
	fclose(file);
	if (r == 0 && !(*ret_template = strndup(text, n)))
		r = -ENOMEM;
	return r;
}

struct writer {
	char *text;
	size_t n, room;
};

static void put(struct writer *writer, const char *text, size_t n)
{
	if (n > writer->room - 1 - writer->n) /* not half an escape, nor half a character */
		n = 0, writer->room = writer->n + 1;
	memcpy(writer->text + writer->n, text, n);
	writer->n += n;
}

/* Whatever a browser would not take as text; bytes that are no ASCII, too: nobody said UTF-8. */
static void put_escaped(struct writer *writer, const char *text)
{
	for (size_t i = 0; text[i] && i < FIELD_MAX; i++) {
		char escape[8];
		unsigned char byte = (unsigned char)text[i];
		int n = byte >= ' ' && byte < 0x7f && !strchr("<>&\"'`={}", byte)
				? snprintf(escape, sizeof(escape), "%c", byte)
				: snprintf(escape, sizeof(escape), "&#%u;", byte);

		put(writer, escape, (size_t)n);
	}
}

/* The field whose name stands there, with its braces; NULL: none. */
static const char *field_at(const char *at, const struct page_fields *fields, size_t *ret_n)
{
	const struct {
		const char *name, *value;
	} all[] = {
		{ "{{host}}", fields->host },
		{ "{{path}}", fields->path },
		{ "{{client}}", fields->client },
		{ "{{id}}", fields->id },
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		*ret_n = strlen(all[i].name);
		if (strncmp(at, all[i].name, *ret_n) == 0)
			return all[i].value;
	}
	return NULL;
}

char *page_render(const char *template, const struct page_fields *fields, size_t room)
{
	struct writer writer = { .text = malloc(room), .room = room };

	if (!writer.text)
		return NULL;
	while (*template) {
		size_t n;
		const char *value = field_at(template, fields, &n);

		if (value) {
			put_escaped(&writer, value);
		} else {
			const char *next = strstr(template + 1, "{{");

			n = next ? (size_t)(next - template) : strlen(template);
			put(&writer, template, n);
		}
		template += n;
	}
	writer.text[writer.n] = '\0';
	return writer.text;
}
