/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/output_read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "policy/mistake.h"
#include "policy/value.h"

/*
 * An output is `- KIND: TARGET`, and below it what else there is to say:
 *
 *   - file: /var/log/postern/events.json
 *     max_size: 100M
 *     keep: 5
 *   - syslog: tcp:logs.example:601
 *     events: [alert, verification]
 *   - stdout
 *
 * The keys are read in two turns: the kind first, as it says which others there may be.
 */

#define WORD(name, word) word,

static const char *const kind_words[] = { OUTPUT_KINDS(WORD) NULL };
static const char *const transport_words[] = { OUTPUT_TRANSPORTS(WORD) NULL };
static const char *const format_words[] = { OUTPUT_FORMATS(WORD) NULL };
static const char *const event_words[] = { EVENT_TYPES(WORD) NULL };

static const struct {
	const char *word;
	int facility;
} facilities[] = {
	{ "kern", LOG_KERN },         { "user", LOG_USER },     { "mail", LOG_MAIL },
	{ "daemon", LOG_DAEMON },     { "auth", LOG_AUTH },     { "syslog", LOG_SYSLOG },
	{ "lpr", LOG_LPR },           { "news", LOG_NEWS },     { "uucp", LOG_UUCP },
	{ "cron", LOG_CRON },         { "ftp", LOG_FTP },       { "local0", LOG_LOCAL0 },
	{ "authpriv", LOG_AUTHPRIV }, { "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 },     { "local4", LOG_LOCAL4 }, { "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 },     { "local7", LOG_LOCAL7 },
};

enum {
	SIZE_MIN = 1 << 20,
	KEEP_DEFAULT = 5,
	KEEP_MAX = 1000,
};

/* One "key: value" of an output. */
struct item {
	struct document *document;
	struct output_options *output;
	const char *key; /* in full: "log.outputs.file" */
	yaml_node_t *value;
};

static int refuse(const struct item *item, const char *expected, const char *text)
{
	return mistake(item->document->ret_error, item->document->file, document_line(item->value),
		       item->key, "expected %s, got '%.300s'", expected, text);
}

static int text_of(const struct item *item, const char *expected, const char **ret_text)
{
	return document_text(item->document, item->value, item->key, expected, ret_text);
}

/* The place of the word, or -1. */
static int find(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

/* --- targets --- */

static int read_path(const struct item *item, const char *text, const char *expected)
{
	struct output_options *output = item->output;

	if (!*text ||
	    !value_path(item->document->file, text, output->target, sizeof(output->target)))
		return refuse(item, expected, text);
	return 0;
}

/* "HOST:PORT", "ADDRESS:PORT", "[ADDRESS6]:PORT" */
static bool read_host(const char *text, struct output_options *output)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	uint64_t port;

	if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	} else if (memchr(text, ':', n)) {
		return false;
	}
	if (n == 0 || n >= sizeof(output->target) || !value_number(colon + 1, 1, 65535, &port))
		return false;
	memcpy(output->target, text, n);
	output->target[n] = '\0';
	snprintf(output->port, sizeof(output->port), "%u", (unsigned)port);
	return true;
}

static int read_syslog_target(const struct item *item, const char *text)
{
	static const char expected[] = "unix:/PATH, tcp:HOST:PORT or udp:HOST:PORT";
	struct output_options *output = item->output;
	const char *colon = strchr(text, ':');
	char word[8];
	int transport;

	if (!colon)
		return refuse(item, expected, text);
	snprintf(word, sizeof(word), "%.*s", (int)(colon - text), text);
	transport = find(transport_words, word);
	if (transport < 0)
		return refuse(item, expected, text);
	output->transport = (enum output_transport)transport;
	if (output->transport == OUTPUT_BY_UNIX)
		return read_path(item, colon + 1, expected);
	return read_host(colon + 1, output) ? 0 : refuse(item, expected, text);
}

static int read_target(const struct item *item)
{
	static const char path[] = "a path of at most 511 characters";
	struct output_options *output = item->output;
	const char *text;
	int r;

	if (output->kind == OUTPUT_STDOUT && !document_is_nothing(item->value))
		return mistake(item->document->ret_error, item->document->file,
			       document_line(item->value), item->key, "expected nothing, got %s",
			       document_kind_text(item->value));
	if (document_is_nothing(item->value) &&
	    (output->kind == OUTPUT_STDOUT || output->kind == OUTPUT_JOURNAL))
		return 0;
	r = text_of(item, output->kind == OUTPUT_SYSLOG ? "where it is" : path, &text);
	if (r < 0)
		return r;
	return output->kind == OUTPUT_SYSLOG ? read_syslog_target(item, text)
					     : read_path(item, text, path);
}

/* --- the other keys --- */

static int read_max_size(const struct item *item)
{
	static const char expected[] = "a size from 1M, such as 100M";
	const char *text;
	int r = text_of(item, expected, &text);

	if (r < 0)
		return r;
	return value_size(text, SIZE_MIN, UINT64_MAX / 2, &item->output->max_size)
		       ? 0
		       : refuse(item, expected, text);
}

static int read_keep(const struct item *item)
{
	static const char expected[] = "a number from 1 to 1000";
	const char *text;
	uint64_t keep;
	int r = text_of(item, expected, &text);

	if (r < 0)
		return r;
	if (!value_number(text, 1, KEEP_MAX, &keep))
		return refuse(item, expected, text);
	item->output->keep = (unsigned)keep;
	return 0;
}

static int read_format(const struct item *item)
{
	static const char expected[] = "rfc5424 or rfc3164";
	const char *text;
	int r = text_of(item, expected, &text);

	if (r < 0)
		return r;
	r = find(format_words, text);
	if (r < 0)
		return refuse(item, expected, text);
	item->output->format = (enum output_format)r;
	return 0;
}

static int read_facility(const struct item *item)
{
	static const char expected[] = "a facility of syslog, such as daemon or local0";
	const char *text;
	int r = text_of(item, expected, &text);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++)
		if (strcmp(facilities[i].word, text) == 0) {
			item->output->facility = (unsigned)LOG_FAC(facilities[i].facility);
			return 0;
		}
	return refuse(item, expected, text);
}

/* One of two words. */
static int read_either(const struct item *item, const char *no, const char *yes, bool *ret_is_yes)
{
	char expected[32];
	const char *text;
	int r;

	snprintf(expected, sizeof(expected), "%s or %s", yes, no);
	r = text_of(item, expected, &text);
	if (r < 0)
		return r;
	if (strcmp(text, yes) != 0 && strcmp(text, no) != 0)
		return refuse(item, expected, text);
	*ret_is_yes = strcmp(text, yes) == 0;
	return 0;
}

static int read_cee(const struct item *item)
{
	return read_either(item, "false", "true", &item->output->is_cee);
}

static int read_sync(const struct item *item)
{
	return read_either(item, "false", "true", &item->output->is_synced);
}

static int read_on_loss(const struct item *item)
{
	return read_either(item, "continue", "stop", &item->output->stops);
}

static int read_events(const struct item *item)
{
	static const char expected[] = "a kind of event";
	struct item one = *item;

	item->output->events = EVENT_BIT(EVENT_LOST);
	for (unsigned i = 0; (one.value = document_item(item->document, item->value, i)); i++) {
		const char *text;
		int r = text_of(&one, expected, &text);

		if (r < 0)
			return r;
		r = find(event_words, text);
		if (r < 0)
			return refuse(&one, expected, text);
		item->output->events |= EVENT_BIT(r);
	}
	return 0;
}

#define ONLY(kind) (1U << (kind))
#define ANY (~0U)

static const struct {
	const char *name;
	unsigned kinds; /* of output that have it */
	int (*read)(const struct item *item);
} keys[] = {
	{ "events", ANY, read_events },
	{ "on_loss", ANY, read_on_loss },
	{ "sync", ONLY(OUTPUT_FILE), read_sync },
	{ "max_size", ONLY(OUTPUT_FILE), read_max_size },
	{ "keep", ONLY(OUTPUT_FILE), read_keep },
	{ "format", ONLY(OUTPUT_SYSLOG), read_format },
	{ "facility", ONLY(OUTPUT_SYSLOG), read_facility },
	{ "cee", ONLY(OUTPUT_SYSLOG), read_cee },
};
enum { N_KEYS = sizeof(keys) / sizeof(keys[0]) };

static int read_key(const struct item *item, const struct document_pair *pair)
{
	struct guess guess = guess_for(pair->name);

	for (unsigned i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].name, pair->name) != 0) {
			guess_try(&guess, keys[i].name, strlen(keys[i].name));
			continue;
		}
		if (keys[i].kinds & ONLY(item->output->kind))
			return keys[i].read(item);
		return mistake(item->document->ret_error, item->document->file, pair->line,
			       item->key, "%s has no such key", kind_words[item->output->kind]);
	}
	return mistake(item->document->ret_error, item->document->file, pair->line, NULL,
		       "%s: unknown key%s", item->key, guess.text);
}

/* --- one output --- */

static void output_init(struct output_options *output)
{
	memset(output, 0, sizeof(*output));
	output->events = EVENT_ALL;
	output->keep = KEEP_DEFAULT;
	output->facility = LOG_FAC(LOG_DAEMON);
}

/* The key that says which kind it is; there must be one. */
static int find_kind(struct document *document, yaml_node_t *node, struct output_options *output,
		     struct document_pair *ret_pair)
{
	struct document_pair pair;
	int kind = -1, r;

	for (unsigned i = 0; (r = document_pair(document, node, i, "log.outputs.", &pair)) > 0;
	     i++) {
		int found = find(kind_words, pair.name);

		if (found >= 0 && kind >= 0)
			return mistake(document->ret_error, document->file, pair.line,
				       "log.outputs", "'%s' and '%s' are two outputs",
				       ret_pair->name, pair.name);
		if (found < 0)
			continue;
		kind = found;
		*ret_pair = pair;
	}
	if (r < 0)
		return r;
	if (kind < 0)
		return mistake(document->ret_error, document->file, document_line(node),
			       "log.outputs",
			       "expected one of file, stdout, journal, syslog and unix");
	output->kind = (enum output_kind)kind;
	return 0;
}

static int read_mapping(struct document *document, yaml_node_t *node, struct output_options *output)
{
	struct document_pair pair, target = { 0 };
	char key[96];
	int r = find_kind(document, node, output, &target);
	struct item item = { .document = document, .output = output, .key = key };

	if (r < 0)
		return r;
	snprintf(key, sizeof(key), "log.outputs.%s", target.name);
	item.value = target.value;
	r = read_target(&item);
	for (unsigned i = 0; r == 0; i++) {
		r = document_pair(document, node, i, "log.outputs.", &pair);
		if (r <= 0)
			return r;
		r = 0;
		if (strcmp(pair.name, target.name) == 0)
			continue;
		snprintf(key, sizeof(key), "log.outputs.%.64s", pair.name);
		item.value = pair.value;
		r = read_key(&item, &pair);
	}
	return r;
}

/* "stdout" and "journal" need not say more. */
static int read_word(struct document *document, yaml_node_t *node, struct output_options *output)
{
	static const char expected[] = "an output such as 'file: /PATH', stdout or journal";
	const char *text;
	int r = document_text(document, node, "log.outputs", expected, &text);

	if (r < 0)
		return r;
	r = find(kind_words, text);
	if (r != OUTPUT_STDOUT && r != OUTPUT_JOURNAL)
		return mistake(document->ret_error, document->file, document_line(node),
			       "log.outputs", "expected %s, got '%.300s'", expected, text);
	output->kind = (enum output_kind)r;
	return 0;
}

int output_read(struct document *document, yaml_node_t *list, struct config *config)
{
	yaml_node_t *node;

	config->log.n_outputs = 0;
	if (document_is_nothing(list))
		return 0;
	for (unsigned i = 0; (node = document_item(document, list, i)); i++) {
		struct output_options *output = &config->log.outputs[i];
		int r;

		if (i == OUTPUTS_MAX)
			return mistake(document->ret_error, document->file, document_line(node),
				       "log.outputs", "more than %d outputs", OUTPUTS_MAX);
		output_init(output);
		r = node->type == YAML_MAPPING_NODE ? read_mapping(document, node, output)
						    : read_word(document, node, output);
		if (r < 0)
			return r;
		config->log.n_outputs = i + 1;
	}
	return 0;
}

void output_default(struct config *config)
{
	output_init(&config->log.outputs[0]);
	config->log.outputs[0].kind = OUTPUT_STDOUT;
	config->log.n_outputs = 1;
}
