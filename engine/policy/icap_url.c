/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/icap_url.h"

#include <string.h>

#include "base/endpoint.h"

#define SCHEME "icap://"

/* It goes into the first line of a request as it is. */
static bool is_service(const char *text)
{
	if (text[0] != '/' || text[1] == '\0')
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text >= 0x7f)
			return false;
	return true;
}

bool icap_url_read(const char *text, struct icap_url *ret_url)
{
	const char *authority = text + strlen(SCHEME);
	struct icap_url url = { 0 };
	struct endpoint endpoint;
	size_t n;

	if (strncmp(text, SCHEME, strlen(SCHEME)) != 0 || strlen(text) >= ICAP_URL_MAX)
		return false;
	n = strcspn(authority, "/");
	if (n >= sizeof(url.authority) || !is_service(authority + n))
		return false;
	memcpy(url.authority, authority, n);
	if (!endpoint_parse(url.authority, &endpoint) || endpoint.sa.sa_family == AF_UNIX)
		return false;
	url.addr = endpoint.addr;
	*ret_url = url;
	return true;
}
