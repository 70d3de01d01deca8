/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/icap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/line.h"

/* --- replies --- */

static bool read_number(const struct reader *value, uint32_t *ret_number)
{
	uint64_t number = 0;

	if (reader_left(value) == 0)
		return false;
	for (const uint8_t *at = value->at; at < value->end; at++) {
		if (*at < '0' || *at > '9')
			return false;
		number = number * 10 + (*at - '0');
		if (number > UINT32_MAX)
			return false;
	}
	*ret_number = (uint32_t)number;
	return true;
}

/* "ICAP/1.0 204 No Modifications" */
static bool read_status(struct reader line, unsigned *ret_status)
{
	struct reader version = line_until(&line, ' ');
	const uint8_t *digits = reader_bytes(&line, 3);
	struct reader code = reader_of(digits, digits ? 3 : 0);
	uint32_t status;

	if (!reader_ok(&line) || !line_is(&version, "ICAP/1.0") || !read_number(&code, &status) ||
	    status < 100 || !line_is_value(&line) || (reader_left(&line) > 0 && *line.at != ' '))
		return false;
	*ret_status = status;
	return true;
}

/* Whether a list with commas has the word. */
static bool has_word(struct reader list, const char *word)
{
	while (reader_left(&list) > 0) {
		struct reader item = line_trim(line_until(&list, ','));

		if (line_is(&item, word))
			return true;
	}
	return false;
}

/* "Type=0; Resolution=2; Threat=Eicar;": the threat's name, or else all of it. */
static void read_threat(struct reader value, struct icap_reply *reply)
{
	struct reader rest = value, threat = value;

	while (reader_left(&rest) > 0) {
		struct reader part = line_trim(line_until(&rest, ';'));
		struct reader item = reader_of(part.at, reader_left(&part));
		struct reader name = line_until(&item, '=');

		if (line_is(&name, "Threat") && reader_left(&item) > 0)
			threat = item;
	}
	EXCHANGE_TEXT(reply->found, threat.at, reader_left(&threat));
}

static void read_option(const struct reader *name, const struct reader *value,
			struct icap_options *options)
{
	uint32_t number;

	if (line_is(name, "Methods")) {
		options->has_reqmod = has_word(*value, "REQMOD");
		options->has_respmod = has_word(*value, "RESPMOD");
	} else if (line_is(name, "Allow")) {
		options->has_204 = has_word(*value, "204");
	} else if (line_is(name, "Preview") && read_number(value, &number)) {
		options->has_preview = true;
		options->preview = number > ICAP_PREVIEW_MAX ? ICAP_PREVIEW_MAX : number;
	} else if (line_is(name, "Max-Connections") && read_number(value, &number)) {
		options->max_connections = number;
	} else if (line_is(name, "Options-TTL") && read_number(value, &number)) {
		options->ttl = number;
	}
}

static bool read_field(struct reader line, struct icap_reply *reply)
{
	struct reader name = line_until(&line, ':');
	struct reader value = line_trim(line);

	if (!reader_ok(&line) || !line_is_token(&name) || !line_is_value(&value))
		return false;
	if (line_is(&name, "Connection"))
		reply->is_last |= has_word(value, "close");
	else if (line_is(&name, "Encapsulated"))
		reply->is_last |= !line_is(&value, "null-body=0");
	else if (line_is(&name, "X-Infection-Found"))
		read_threat(value, reply);
	else if (line_is(&name, "X-Virus-ID") && reply->found[0] == '\0')
		EXCHANGE_TEXT(reply->found, value.at, reader_left(&value));
	else
		read_option(&name, &value, &reply->options);
	return true;
}

enum icap_result icap_read(const uint8_t *bytes, size_t n, struct icap_reply *ret_reply,
			   size_t *ret_n)
{
	struct reader r = reader_of(bytes, n);
	const uint8_t *end = n > 0 ? memmem(bytes, n, "\r\n\r\n", 4) : NULL;
	struct icap_reply reply = { 0 };

	if (!end)
		return n < ICAP_REPLY_MAX ? ICAP_MORE : ICAP_BROKEN;
	if (!read_status(line_read(&r), &reply.status))
		return ICAP_BROKEN;
	for (;;) {
		struct reader line = line_read(&r);

		if (!reader_ok(&line))
			return ICAP_BROKEN;
		if (reader_left(&line) == 0)
			break;
		/* c-icap folds; nothing that is wanted goes on in a second line. */
		if ((*line.at == ' ' || *line.at == '\t') && line_is_value(&line))
			continue;
		if (!read_field(line, &reply))
			return ICAP_BROKEN;
	}
	*ret_reply = reply;
	*ret_n = (size_t)(r.at - bytes);
	return ICAP_WHOLE;
}

/* --- requests --- */

size_t icap_write_options(const char *url, const char *authority, char text[ICAP_OPTIONS_MAX])
{
	return (size_t)snprintf(text, ICAP_OPTIONS_MAX,
				"OPTIONS %s ICAP/1.0\r\nHost: %s\r\nUser-Agent: postern\r\n"
				"Encapsulated: null-body=0\r\n\r\n",
				url, authority);
}

static bool is_left_out(const struct reader *name)
{
	static const char *const names[] = {
		"Connection",
		"Keep-Alive",
		"Proxy-Connection",
		"TE",
		"Trailer",
		"Transfer-Encoding",
		"Upgrade",
		"Expect",
		"Authorization",
		"Proxy-Authorization",
		"Proxy-Authenticate",
		"Cookie",
		"Set-Cookie",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (line_is(name, names[i]))
			return true;
	return false;
}

/* A head that was read by head.c before; what remains of it is not longer. */
static void copy_head(FILE *file, const uint8_t *head, size_t n)
{
	struct reader r = reader_of(head, n);

	for (bool is_first = true; reader_left(&r) > 0; is_first = false) {
		struct reader line = line_read(&r), rest = line;
		struct reader name = line_until(&rest, ':');

		if (!reader_ok(&line) || (!is_first && is_left_out(&name)))
			continue;
		fwrite(line.at, 1, reader_left(&line), file);
		fputs("\r\n", file);
	}
}

/* The request that is answered: of its own fields only what it was for. */
static void write_asked(FILE *file, const struct exchange *exchange)
{
	fprintf(file, "%s https://%s%s HTTP/1.1\r\nHost: %s\r\n\r\n", exchange->method,
		exchange->host, exchange->target ? exchange->target : "/", exchange->host);
}

/* The heads that are enclosed; where the second begins is *ret_second, and how long they are. */
static char *enclose(const struct icap_question *question, size_t *ret_second, size_t *ret_n)
{
	char *heads = NULL;
	FILE *file = open_memstream(&heads, ret_n);

	if (!file)
		return NULL;
	if (!question->is_request)
		write_asked(file, question->exchange);
	*ret_second = (size_t)ftell(file);
	copy_head(file, question->head, question->n_head);
	if (fclose(file) == 0)
		return heads;
	free(heads);
	return NULL;
}

static int write_all(const struct icap_question *question, const char *heads, size_t second,
		     size_t n, char **ret_text)
{
	char preview[32] = "", enclosed[80];

	if (question->has_preview)
		snprintf(preview, sizeof(preview), "Preview: %zu\r\n", question->preview);
	if (question->is_request)
		snprintf(enclosed, sizeof(enclosed), "req-hdr=0, req-body=%zu", n);
	else
		snprintf(enclosed, sizeof(enclosed), "req-hdr=0, res-hdr=%zu, res-body=%zu", second,
			 n);
	return asprintf(ret_text,
			"%s %s ICAP/1.0\r\nHost: %s\r\nUser-Agent: postern\r\nAllow: 204\r\n"
			"X-Client-IP: %s\r\n%sEncapsulated: %s\r\n\r\n%.*s",
			question->is_request ? "REQMOD" : "RESPMOD", question->url,
			question->authority, question->client, preview, enclosed, (int)n, heads);
}

char *icap_write_question(const struct icap_question *question, size_t *ret_n)
{
	size_t second = 0, n = 0;
	char *heads = enclose(question, &second, &n), *text = NULL;
	int n_text = heads ? write_all(question, heads, second, n, &text) : -1;

	if (heads)
		explicit_bzero(heads, n);
	free(heads);
	*ret_n = n_text < 0 ? 0 : (size_t)n_text;
	return n_text < 0 ? NULL : text;
}

size_t icap_begin_chunk(size_t n, char text[ICAP_CHUNK_ROOM])
{
	return (size_t)snprintf(text, ICAP_CHUNK_ROOM, "%zx\r\n", n);
}
