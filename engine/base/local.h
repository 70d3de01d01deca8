/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_LOCAL_H
#define POSTERN_BASE_LOCAL_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/addr.h"

/*
 * Where programs of this machine, and no others, can reach something: a loopback address with its
 * port, or a socket in the file system.
 */
struct local {
	union {
		struct sockaddr sa;
		union addr addr;
		struct sockaddr_un un;
	};
	socklen_t n;
};

/*
 * From "127.0.0.1:57012", "[::1]:57012" or "unix:/PATH". False: it is none of these, or an
 * address that is not loopback.
 */
bool local_parse(const char *text, struct local *ret_local);

/*
 * A listener there, which does not block: its descriptor, or -errno. A socket of the file system is
 * made 0660, and takes the place of an older one; at an address another process of the same user
 * may listen too, as during an upgrade.
 */
int local_listen(const struct local *local);

#endif
