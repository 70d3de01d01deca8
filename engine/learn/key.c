/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/key.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"

void key_make(struct key *key, const char *host, const union addr *server)
{
	size_t n_address, n_host = strnlen(host, LEARN_HOST_MAX - 1);
	const uint8_t *address = addr_bytes(server, &n_address);
	uint16_t port = addr_port(server);

	memcpy(key->bytes, &port, 2);
	key->bytes[2] = (uint8_t)n_address; /* or four bytes and a name might spell sixteen */
	if (address)
		memcpy(key->bytes + 3, address, n_address);
	memcpy(key->bytes + 3 + n_address, host, n_host);
	key->n = (uint16_t)(3 + n_address + n_host);
	key->hash = hash_bytes(key->bytes, key->n);
}

const char *key_host(const uint8_t *bytes, uint16_t n, uint16_t *ret_n)
{
	*ret_n = (uint16_t)(n - 3 - bytes[2]);
	return (const char *)bytes + 3 + bytes[2];
}

void key_server(const uint8_t *bytes, union addr *ret_server)
{
	uint16_t port;

	memcpy(&port, bytes, 2);
	memset(ret_server, 0, sizeof(*ret_server));
	if (bytes[2] == 4) {
		ret_server->sa.sa_family = AF_INET;
		memcpy(&ret_server->v4.sin_addr, bytes + 3, 4);
	} else if (bytes[2] == 16) {
		ret_server->sa.sa_family = AF_INET6;
		memcpy(&ret_server->v6.sin6_addr, bytes + 3, 16);
	}
	addr_set_port(ret_server, port);
}

union addr key_any(const union addr *server)
{
	union addr any;

	memset(&any, 0, sizeof(any));
	addr_set_port(&any, addr_port(server));
	return any;
}

bool key_generalise(const char *host, char ret_host[LEARN_HOST_MAX])
{
	const char *dot = strchr(host, '.');

	if (!dot || dot == host || dot[1] == '\0' || host[0] == '*' ||
	    strlen(dot) + 1 >= LEARN_HOST_MAX)
		return false;
	snprintf(ret_host, LEARN_HOST_MAX, "*%s", dot);
	return true;
}
