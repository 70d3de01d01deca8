/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/redis_url.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_DEFAULT = 6379 };

/* What is from `text` to `end`. */
static bool copy(const char *text, const char *end, char *to, size_t size)
{
	if ((size_t)(end - text) >= size)
		return false;
	memcpy(to, text, (size_t)(end - text));
	to[end - text] = '\0';
	return true;
}

static bool number_read(const char *text, int max, int *ret_number)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end != '\0' || number > max)
		return false;
	*ret_number = (int)number;
	return true;
}

/* %XX becomes its character, in place. */
static bool decode(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		char digits[3] = { 0 };

		*to = *text;
		if (*text != '%')
			continue;
		if (!isxdigit((unsigned char)text[1]) || !isxdigit((unsigned char)text[2]))
			return false;
		memcpy(digits, text + 1, 2);
		*to = (char)strtol(digits, NULL, 16);
		text += 2;
	}
	*to = '\0';
	return true;
}

/* [USER]:PASSWORD */
static bool credentials_read(const char *text, const char *end, struct redis_url *url)
{
	const char *colon = memchr(text, ':', (size_t)(end - text));

	return colon && copy(text, colon, url->user, sizeof(url->user)) &&
	       copy(colon + 1, end, url->password, sizeof(url->password)) && decode(url->user) &&
	       decode(url->password) && url->password[0] != '\0';
}

/* PATH[?db=N] */
static bool path_read(const char *text, struct redis_url *url)
{
	static const char db[] = "?db=";
	const char *end = strchrnul(text, '?');

	return text[0] == '/' && text[1] != '\0' && copy(text, end, url->host, sizeof(url->host)) &&
	       (*end == '\0' || (strncmp(end, db, strlen(db)) == 0 &&
				 number_read(end + strlen(db), 1 << 20, &url->db)));
}

/* HOST[:PORT][/DB] */
static bool host_read(const char *text, struct redis_url *url)
{
	const char *slash = strchrnul(text, '/'), *end;
	char port[8];

	url->port = PORT_DEFAULT;
	if (slash[0] == '/' && slash[1] != '\0' && !number_read(slash + 1, 1 << 20, &url->db))
		return false;
	if (*text == '[') {
		text++;
		end = memchr(text, ']', (size_t)(slash - text));
		if (!end || !copy(text, end, url->host, sizeof(url->host)))
			return false;
		end++;
	} else {
		end = memchr(text, ':', (size_t)(slash - text));
		end = end ? end : slash;
		if (!copy(text, end, url->host, sizeof(url->host)))
			return false;
	}
	if (url->host[0] == '\0')
		return false;
	if (end == slash)
		return true;
	return *end == ':' && copy(end + 1, slash, port, sizeof(port)) &&
	       number_read(port, 65535, &url->port) && url->port != 0;
}

bool redis_url_read(const char *text, struct redis_url *ret_url)
{
	static const char tcp[] = "redis://", local[] = "redis+unix://";
	struct redis_url url = { .port = 0 };
	bool is_local = strncmp(text, local, strlen(local)) == 0;
	const char *at;

	if (!is_local && strncmp(text, tcp, strlen(tcp)) != 0)
		return false;
	text += is_local ? strlen(local) : strlen(tcp);
	at = strchr(text, '@');
	if (at && at < strchrnul(text, '/')) {
		if (!credentials_read(text, at, &url))
			return false;
		text = at + 1;
	}
	if (!(is_local ? path_read(text, &url) : host_read(text, &url)))
		return false;
	*ret_url = url;
	return true;
}
