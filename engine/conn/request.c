/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/reader.h"
#include "http/line.h"

static bool is_safe_method(const struct reader *part)
{
	static const char *const methods[] = { "GET", "HEAD", "OPTIONS" };

	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		size_t n = strlen(methods[i]);

		if (reader_left(part) == n && memcmp(part->at, methods[i], n) == 0)
			return true;
	}
	return false;
}

/*
 * A path, with its query: not "*", nor the whole URL, which proxies are sent. It becomes a part of
 * a field of ours, so it is ASCII that can be seen; without what would make it another URL there.
 */
static bool is_path(const struct reader *part)
{
	if (reader_left(part) == 0 || *part->at != '/')
		return false;
	for (const uint8_t *at = part->at; at < part->end; at++)
		if (*at <= ' ' || *at >= 0x7f || *at == '#' || *at == '\\')
			return false;
	return true;
}

static bool is_host_byte(uint8_t byte)
{
	return ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') || (byte >= '0' && byte <= '9') ||
	       byte == '-' || byte == '.' || byte == '_';
}

/* A name, and perhaps a port: no address in brackets, no user. */
static bool is_authority(const struct reader *part)
{
	const uint8_t *at = part->at;
	size_t digits = 0;

	while (at < part->end && is_host_byte(*at))
		at++;
	if (at == part->at || at == part->end)
		return at != part->at;
	if (*at++ != ':')
		return false;
	for (; at < part->end && *at >= '0' && *at <= '9'; at++)
		digits++;
	return at == part->end && digits >= 1 && digits <= 5;
}

/* A field that says there is a body, or that this is to become another protocol. */
static bool excludes(const struct reader *name)
{
	static const char *const names[] = { "Content-Length", "Transfer-Encoding", "Expect",
					     "Upgrade", "Trailer" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (line_is(name, names[i]))
			return true;
	return false;
}

static bool read_request_line(struct reader line, struct request *ret_request)
{
	struct reader method = line_until(&line, ' ');
	struct reader target = line_until(&line, ' ');
	static const char version[] = "HTTP/1.1";

	if (!reader_ok(&line) || !is_safe_method(&method) || !is_path(&target) ||
	    reader_left(&line) != strlen(version) || memcmp(line.at, version, strlen(version)) != 0)
		return false;
	ret_request->method = (const char *)method.at;
	ret_request->method_length = reader_left(&method);
	ret_request->target = (const char *)target.at;
	ret_request->target_length = reader_left(&target);
	return true;
}

static bool read_field(struct reader line, struct request *ret_request)
{
	struct reader name = line_until(&line, ':');
	struct reader value = line_trim(line);

	if (!reader_ok(&line) || !line_is_token(&name) || !line_is_value(&value) || excludes(&name))
		return false;
	if (!line_is(&name, "Host"))
		return true;
	if (ret_request->authority || !is_authority(&value))
		return false;
	ret_request->authority = (const char *)value.at;
	ret_request->authority_length = reader_left(&value);
	return true;
}

bool request_read(const void *bytes, size_t n, struct request *ret_request)
{
	struct reader r = reader_of(bytes, n);
	struct request request = { 0 };

	if (n > REQUEST_MAX || !read_request_line(line_read(&r), &request))
		return false;
	for (;;) {
		struct reader line = line_read(&r);

		if (!reader_ok(&line))
			return false;
		if (reader_left(&line) == 0)
			break;
		if (!read_field(line, &request))
			return false;
	}
	if (reader_left(&r) > 0 || !request.authority)
		return false;
	*ret_request = request;
	return true;
}

unsigned response_status(const void *bytes, size_t n)
{
	static const char begin[] = "HTTP/1.";
	const uint8_t *at = bytes;
	unsigned status = 0;

	/* "HTTP/1.1 200", and what follows is no digit (RFC 9112 section 4) */
	if (n < 13 || memcmp(at, begin, 7) != 0 || at[8] != ' ' ||
	    (at[12] != ' ' && at[12] != '\r'))
		return 0;
	for (unsigned i = 9; i < 12; i++) {
		if (at[i] < '0' || at[i] > '9')
			return 0;
		status = status * 10 + (at[i] - '0');
	}
	return status;
}

bool request_is_for(const struct request *request, const char *host)
{
	size_t n = strlen(host);

	return n > 0 && request->authority_length >= n &&
	       strncasecmp(request->authority, host, n) == 0 &&
	       (request->authority_length == n || request->authority[n] == ':');
}

size_t request_redirect(const struct request *request, char text[REQUEST_REDIRECT_MAX])
{
	/* It fits: method, target and host are parts of REQUEST_MAX bytes. */
	return (size_t)snprintf(text, REQUEST_REDIRECT_MAX,
				"HTTP/1.1 307 Temporary Redirect\r\n"
				"Location: https://%.*s%.*s\r\n"
				"Cache-Control: no-store\r\n"
				"Content-Length: 0\r\n"
				"Connection: close\r\n"
				"\r\n",
				(int)request->authority_length, request->authority,
				(int)request->target_length, request->target);
}
