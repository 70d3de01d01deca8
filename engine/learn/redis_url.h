/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_REDIS_URL_H
#define POSTERN_LEARN_REDIS_URL_H

#include <stdbool.h>

/*
 * Where a Redis is:
 *	redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]	HOST in brackets when it is an IPv6 address
 *	redis+unix://[[USER]:PASSWORD@]/PATH[?db=N]
 * User and password may hold %XX for any character.
 */
struct redis_url {
	char host[256]; /* or the path */
	char user[128], password[256];
	int port; /* 0: host is a path */
	int db;
};

/* False: it is no such thing, or too long. */
bool redis_url_read(const char *text, struct redis_url *ret_url);

#endif
