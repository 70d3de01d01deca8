/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/head.h"

#include "http/line.h"

enum { METHOD_MAX = 23 };

/* What the fields say of the message itself. */
struct fields {
	struct exchange *exchange;
	bool is_request;
	unsigned n_hosts, n_lengths, n_codings;
	struct reader host;
	bool has_bad_coding;
};

/* --- the first line --- */

/* "HTTP/1.1" or "HTTP/1.0" */
static bool read_version(const struct reader *part, uint8_t *ret_minor)
{
	static const char begin[] = "HTTP/1.";

	if (reader_left(part) != strlen(begin) + 1 || memcmp(part->at, begin, strlen(begin)) != 0 ||
	    (part->end[-1] != '0' && part->end[-1] != '1'))
		return false;
	*ret_minor = part->end[-1] - '0';
	return true;
}

struct request_line {
	struct reader method, target;
	uint8_t minor;
};

/* Those that there are; a name of another kind is no request that a server would know. */
static bool is_method(const struct reader *part)
{
	for (const uint8_t *at = part->at; at < part->end; at++)
		if ((*at < 'A' || *at > 'Z') && *at != '-')
			return false;
	return reader_left(part) > 0 && reader_left(part) <= METHOD_MAX;
}

static bool read_request_line(struct reader line, struct request_line *ret_line)
{
	ret_line->method = line_until(&line, ' ');
	ret_line->target = line_until(&line, ' ');
	return reader_ok(&line) && is_method(&ret_line->method) &&
	       line_is_visible(&ret_line->target) && read_version(&line, &ret_line->minor);
}

/* The reason phrase is for nobody, and some servers leave out the blank before it, too. */
static bool read_status_line(struct reader line, uint8_t *ret_minor, unsigned *ret_status)
{
	struct reader version = line_until(&line, ' ');
	const uint8_t *digits = reader_bytes(&line, 3);
	unsigned status = 0;

	if (!reader_ok(&line) || !read_version(&version, ret_minor))
		return false;
	for (unsigned i = 0; i < 3; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		status = status * 10 + (digits[i] - '0');
	}
	*ret_status = status;
	return status >= 100 && line_is_value(&line) &&
	       (reader_left(&line) == 0 || *line.at == ' ');
}

/* --- where it ends --- */

static bool may_begin_with(const struct reader *part, const char *word)
{
	size_t n = strlen(word);

	if (reader_left(part) < n)
		n = reader_left(part);
	return n == 0 || memcmp(part->at, word, n) == 0;
}

/*
 * As long as the first line is not whole: it may become one. What is another protocol is to be
 * known early, as its client may wait for an answer to what is held.
 */
static bool may_be_first_line(const uint8_t *bytes, size_t n, bool is_request)
{
	struct reader rest = reader_of(bytes, n);
	struct reader method;

	if (!is_request)
		return may_begin_with(&rest, "HTTP/1.");
	method = line_until(&rest, ' ');
	return is_method(&method) && (may_begin_with(&rest, "/") || may_begin_with(&rest, "*") ||
				      may_begin_with(&rest, "http") || line_is(&method, "CONNECT"));
}

static bool is_first_line(const uint8_t *bytes, size_t n, bool is_request)
{
	struct reader line = reader_of(bytes, n);
	struct request_line request;
	uint8_t minor;
	unsigned status;

	if (!may_be_first_line(bytes, n, is_request))
		return false; /* in one piece as in many */
	return is_request ? read_request_line(line, &request)
			  : read_status_line(line, &minor, &status);
}

size_t head_find(const uint8_t *bytes, size_t n, bool is_request, size_t *scanned,
		 enum http_anomaly *ret_anomaly)
{
	bool is_first = memchr(bytes, '\n', *scanned) == NULL;

	while (*scanned < n) {
		const uint8_t *end = memchr(bytes + *scanned, '\n', n - *scanned);
		size_t at = end ? (size_t)(end - bytes) : 0;

		if (!end) {
			*scanned = n;
			if (is_first && !may_be_first_line(bytes, n, is_request))
				*ret_anomaly = HTTP_BAD_GRAMMAR;
			break;
		}
		if (at == 0 || bytes[at - 1] != '\r' ||
		    (is_first && !is_first_line(bytes, at - 1, is_request))) {
			*ret_anomaly = HTTP_BAD_GRAMMAR;
			return 0;
		}
		*scanned = at + 1;
		if (bytes[at - 2] == '\n')
			return at + 1;
		is_first = false;
	}
	if (n >= HTTP_HEAD_MAX)
		*ret_anomaly = HTTP_TOO_LARGE;
	return 0;
}

/* --- the fields --- */

static void keep_field(const struct reader *name, const struct reader *value,
		       struct exchange *exchange, bool is_request)
{
	const struct {
		const char *name;
		bool is_request;
		char *text;
		size_t room;
	} kept[] = {
		{ "User-Agent", true, exchange->user_agent, sizeof(exchange->user_agent) },
		{ "Referer", true, exchange->referer, sizeof(exchange->referer) },
		{ "Upgrade", true, exchange->upgrade, sizeof(exchange->upgrade) },
		{ "Content-Type", false, exchange->content_type, sizeof(exchange->content_type) },
	};

	for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (kept[i].is_request == is_request && line_is(name, kept[i].name))
			exchange_text(kept[i].text, kept[i].room, value->at, reader_left(value));
}

static bool is_number(const struct reader *value)
{
	for (const uint8_t *at = value->at; at < value->end; at++)
		if (*at < '0' || *at > '9')
			return false;
	return reader_left(value) > 0 && reader_left(value) <= 18;
}

static enum http_anomaly read_field(struct reader line, struct fields *fields)
{
	struct reader name = line_until(&line, ':');
	struct reader value = line_trim(line);

	/* A folded line begins with a blank, which is in no name. */
	if (!reader_ok(&line) || !line_is_token(&name) || !line_is_value(&value))
		return HTTP_BAD_GRAMMAR;
	if (line_is(&name, "Host")) {
		fields->host = value;
		fields->n_hosts++;
	} else if (line_is(&name, "Content-Length")) {
		fields->n_lengths++;
		if (!is_number(&value))
			return HTTP_BAD_FRAMING;
	} else if (line_is(&name, "Transfer-Encoding")) {
		fields->n_codings++;
		fields->has_bad_coding |= !line_is(&value, "chunked");
	} else {
		keep_field(&name, &value, fields->exchange, fields->is_request);
	}
	return HTTP_SOUND;
}

/* RFC 9112 section 6.3, without its allowances. */
static bool is_framed(const struct fields *fields, uint8_t minor)
{
	if (fields->n_lengths + fields->n_codings > 1 || fields->has_bad_coding)
		return false;
	return fields->n_codings == 0 || minor >= 1;
}

static enum http_anomaly read_fields(struct reader *r, struct fields *fields, uint8_t minor)
{
	for (;;) {
		struct reader line = line_read(r);
		enum http_anomaly anomaly;

		if (!reader_ok(&line))
			return HTTP_BAD_GRAMMAR;
		if (reader_left(&line) == 0)
			return is_framed(fields, minor) ? HTTP_SOUND : HTTP_BAD_FRAMING;
		anomaly = read_field(line, fields);
		if (anomaly != HTTP_SOUND)
			return anomaly;
	}
}

/* --- the target --- */

/* "https://www.example/a": the authority, and what is behind it stays in the target. */
static bool read_absolute(struct reader *target, struct reader *ret_authority)
{
	struct reader scheme = line_until(target, ':');
	const uint8_t *slashes = reader_bytes(target, 2);
	const uint8_t *at = target->at;

	if (!reader_ok(target) || memcmp(slashes, "//", 2) != 0 ||
	    (!line_is(&scheme, "https") && !line_is(&scheme, "http")))
		return false;
	while (at < target->end && *at != '/' && *at != '?' && *at != '#')
		at++;
	*ret_authority = reader_of(target->at, (size_t)(at - target->at));
	target->at = at;
	return true;
}

/* The host of both must be one: servers differ in which of them they believe. */
static enum http_anomaly set_both(struct exchange *exchange, const struct fields *fields,
				  struct reader authority)
{
	char host[sizeof(exchange->host)];

	if (!exchange_set_host(exchange, authority))
		return HTTP_BAD_HOST;
	memcpy(host, exchange->host, sizeof(host));
	if (fields->n_hosts == 1 && !exchange_set_host(exchange, fields->host))
		return HTTP_BAD_HOST;
	return strcmp(host, exchange->host) == 0 ? HTTP_SOUND : HTTP_BAD_HOST;
}

static enum http_anomaly set_target(struct exchange *exchange, const struct fields *fields,
				    struct reader target)
{
	struct reader authority;

	if (fields->n_hosts > 1 || (fields->n_hosts == 0 && exchange->version >= 1))
		return HTTP_BAD_HOST;
	if (*target.at == '/' || line_is(&target, "*")) {
		if (fields->n_hosts == 1 && !exchange_set_host(exchange, fields->host))
			return HTTP_BAD_HOST;
	} else if (strcmp(exchange->method, "CONNECT") == 0) {
		return HTTP_TUNNEL;
	} else if (read_absolute(&target, &authority)) {
		enum http_anomaly anomaly = set_both(exchange, fields, authority);

		if (anomaly != HTTP_SOUND)
			return anomaly;
	} else {
		return HTTP_BAD_GRAMMAR;
	}
	return exchange_set_target(exchange, target.at, reader_left(&target)) ? HTTP_SOUND
									      : HTTP_NO_MEMORY;
}

/* --- the whole --- */

enum http_anomaly head_read_request(const uint8_t *bytes, size_t n, struct exchange *exchange)
{
	struct reader r = reader_of(bytes, n);
	struct fields fields = { .exchange = exchange, .is_request = true };
	struct request_line line;
	enum http_anomaly anomaly;

	if (!read_request_line(line_read(&r), &line))
		return HTTP_BAD_GRAMMAR;
	exchange->version = line.minor;
	EXCHANGE_TEXT(exchange->method, line.method.at, reader_left(&line.method));
	anomaly = read_fields(&r, &fields, line.minor);
	return anomaly == HTTP_SOUND ? set_target(exchange, &fields, line.target) : anomaly;
}

enum http_anomaly head_read_response(const uint8_t *bytes, size_t n, struct exchange *exchange,
				     unsigned *ret_status)
{
	struct reader r = reader_of(bytes, n);
	struct exchange interim = { 0 };
	struct fields fields = { .exchange = exchange };
	uint8_t minor;

	if (!read_status_line(line_read(&r), &minor, ret_status))
		return HTTP_BAD_GRAMMAR;
	if (*ret_status < 200 && *ret_status != 101)
		fields.exchange = &interim;
	else
		exchange->status = *ret_status;
	return read_fields(&r, &fields, minor);
}
