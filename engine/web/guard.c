/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/guard.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"

enum { HOST_MAX = 256 };

/* Host and port apart: "[::1]:9443", "localhost", "127.0.0.1:9443". False: it is none. */
static bool read_host(const char *text, char ret_host[HOST_MAX])
{
	bool is_v6 = text[0] == '[';
	const char *begin = text + is_v6;
	size_t n = strcspn(begin, is_v6 ? "]" : ":");
	const char *rest = begin + n + (is_v6 && begin[n] == ']');

	if (n == 0 || n >= HOST_MAX || (is_v6 && begin[n] != ']'))
		return false;
	if (*rest == ':')
		for (rest++; isdigit((unsigned char)*rest); rest++)
			;
	memcpy(ret_host, begin, n);
	ret_host[n] = '\0';
	return *rest == '\0';
}

bool guard_is_ours(const char *header, const char *name)
{
	char host[HOST_MAX];
	union addr addr;

	if (!header || !read_host(header, host))
		return false;
	return strcasecmp(host, "localhost") == 0 || addr_parse(host, 0, &addr) ||
	       (name[0] && strcasecmp(host, name) == 0);
}

bool guard_is_same_origin(const char *origin, const char *fetch_site, const char *host)
{
	if (fetch_site && strcmp(fetch_site, "same-origin") != 0 && strcmp(fetch_site, "none") != 0)
		return false;
	if (!origin)
		return true;
	if (strncasecmp(origin, "http://", 7) == 0)
		origin += 7;
	else if (strncasecmp(origin, "https://", 8) == 0)
		origin += 8;
	else
		return false; /* "null" is one of them */
	return host && strcasecmp(origin, host) == 0;
}
