/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/told.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int told_send(int line, const union addr *server, uint32_t seconds)
{
	struct told told;

	memset(&told, 0, sizeof(told));
	told.server = *server;
	told.seconds = seconds;
	return send(line, &told, sizeof(told), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The engine meets hostile bytes, so what it says is not believed beyond its form. */
static bool makes_sense(const struct told *told)
{
	sa_family_t family = told->server.sa.sa_family;

	return (family == AF_INET || family == AF_INET6) && told->seconds > 0 &&
	       told->seconds <= TOLD_SECONDS_MAX;
}

bool told_receive(int line, struct told *ret_told)
{
	struct told told;
	ssize_t n;

	while ((n = recv(line, &told, sizeof(told), MSG_DONTWAIT | MSG_TRUNC)) > 0) {
		if (n != sizeof(told) || !makes_sense(&told))
			continue;
		*ret_told = told;
		return true;
	}
	return false;
}
