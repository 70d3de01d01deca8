/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/endpoint.h"

#include <string.h>
#include <sys/un.h>

#include "policy/value.h"

static const char unix_prefix[] = "unix:";

static bool read_path(const char *path, struct endpoint *ret_endpoint)
{
	if (path[0] != '/' || strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return false;
	*ret_endpoint = (struct endpoint){ .path = path };
	return true;
}

bool endpoint_read(const char *text, struct endpoint *ret_endpoint)
{
	struct endpoint endpoint = { .path = NULL };
	char address[ADDR_TEXT_MAX];
	const char *colon = strrchr(text, ':');
	bool is_v6 = text[0] == '[';
	uint64_t port;
	size_t n;

	if (strncmp(text, unix_prefix, sizeof(unix_prefix) - 1) == 0)
		return read_path(text + sizeof(unix_prefix) - 1, ret_endpoint);
	if (!colon || !value_number(colon + 1, 1, 65535, &port))
		return false;
	n = (size_t)(colon - text);
	if (is_v6 && (n < 2 || colon[-1] != ']'))
		return false;
	text += is_v6;
	n -= 2 * (size_t)is_v6;
	if (n >= sizeof(address))
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	if (!addr_parse(address, (uint16_t)port, &endpoint.addr) ||
	    is_v6 != (endpoint.addr.sa.sa_family == AF_INET6))
		return false;
	*ret_endpoint = endpoint;
	return true;
}

bool endpoint_is_local(const struct endpoint *endpoint)
{
	switch (endpoint->addr.sa.sa_family) {
	case AF_INET:
		return ntohl(endpoint->addr.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&endpoint->addr.v6.sin6_addr);
	default:
		return true;
	}
}
