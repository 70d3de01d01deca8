/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 16, MODE_AT_FIRST = 0600, MODE = 0660 };

static bool parse_path(const char *text, struct local *ret_local)
{
	size_t n = strlen(text);

	if (n >= sizeof(ret_local->un.sun_path))
		return false;
	*ret_local = (struct local){ .un = { .sun_family = AF_UNIX }, .n = sizeof(ret_local->un) };
	memcpy(ret_local->un.sun_path, text, n + 1);
	return true;
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
	unsigned long port = 0;
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 5 || text[n] != '\0')
		return false;
	port = strtoul(text, NULL, 10);
	*ret_port = (uint16_t)port;
	return port > 0 && port <= UINT16_MAX;
}

static bool is_loopback(const union addr *addr)
{
	return addr->sa.sa_family == AF_INET ? ntohl(addr->v4.sin_addr.s_addr) >> 24 == 127
					     : IN6_IS_ADDR_LOOPBACK(&addr->v6.sin6_addr);
}

bool local_parse(const char *text, struct local *ret_local)
{
	struct local local = { .n = 0 };
	char address[ADDR_TEXT_MAX];
	const char *colon = strrchr(text, ':');
	bool is_bracketed = colon && colon > text && text[0] == '[' && colon[-1] == ']';
	size_t n;
	uint16_t port;

	if (strncmp(text, "unix:/", 6) == 0)
		return parse_path(text + 5, ret_local);
	if (!colon || !parse_port(colon + 1, &port))
		return false;
	n = (size_t)(colon - text) - (is_bracketed ? 2 : 0);
	if (n >= sizeof(address))
		return false;
	memcpy(address, text + is_bracketed, n);
	address[n] = '\0';
	if (!addr_parse(address, port, &local.addr) ||
	    is_bracketed != (local.sa.sa_family == AF_INET6) || !is_loopback(&local.addr))
		return false;
	local.n = addr_len(&local.addr);
	*ret_local = local;
	return true;
}

/* What is left of an engine that was there before; anything but a socket stays. */
static void remove_old(const struct local *local)
{
	struct stat stat;

	if (lstat(local->un.sun_path, &stat) == 0 && S_ISSOCK(stat.st_mode))
		(void)unlink(local->un.sun_path);
}

static int listen_at_path(int fd, const struct local *local)
{
	const char *path = local->un.sun_path;

	remove_old(local);
	/* The file is made with the mode of the descriptor, less the umask. */
	if (fchmod(fd, MODE_AT_FIRST) < 0 || bind(fd, &local->sa, local->n) < 0 ||
	    chmod(path, MODE) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

static int listen_at_address(int fd, const struct local *local)
{
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0 ||
	    bind(fd, &local->sa, local->n) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

int local_listen(const struct local *local)
{
	int fd = socket(local->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = local->sa.sa_family == AF_UNIX ? listen_at_path(fd, local)
					   : listen_at_address(fd, local);
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}
