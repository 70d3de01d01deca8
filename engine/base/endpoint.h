/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_ENDPOINT_H
#define POSTERN_BASE_ENDPOINT_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/addr.h"

/* Where to listen or connect to: an address with its port, or a socket of the file system. */
struct endpoint {
	union {
		struct sockaddr sa;
		union addr addr;
		struct sockaddr_un un;
	};
	socklen_t n;
};

/* From "192.0.2.1:9443", "[2001:db8::1]:9443" or "unix:/PATH". False: none of these, or port 0. */
bool endpoint_parse(const char *text, struct endpoint *ret_endpoint);

/* Whether programs of this machine, and no others, reach it: a loopback address, or a path. */
bool endpoint_is_local(const struct endpoint *endpoint);

/*
 * A listener there, which does not block: its descriptor, or -errno. A socket of the file system is
 * made 0660, of the effective group, and takes the place of an older one, but of nothing else. At
 * an address another process of the same user may listen too, as during an upgrade.
 */
int endpoint_listen(const struct endpoint *endpoint);

#endif
