/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 64, MODE = 0660 };

static const char unix_prefix[] = "unix:";

static bool parse_path(const char *path, struct endpoint *ret_endpoint)
{
	size_t n = strlen(path);

	if (path[0] != '/' || n >= sizeof(ret_endpoint->un.sun_path))
		return false;
	*ret_endpoint =
		(struct endpoint){ .un = { .sun_family = AF_UNIX }, .n = sizeof(ret_endpoint->un) };
	memcpy(ret_endpoint->un.sun_path, path, n + 1);
	return true;
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
	size_t n = strspn(text, "0123456789");
	unsigned long port = strtoul(text, NULL, 10);

	if (n == 0 || n > 5 || text[n] != '\0' || port == 0 || port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

bool endpoint_parse(const char *text, struct endpoint *ret_endpoint)
{
	struct endpoint endpoint = { .n = 0 };
	char address[ADDR_TEXT_MAX];
	const char *colon = strrchr(text, ':');
	bool is_bracketed = colon && colon > text && text[0] == '[' && colon[-1] == ']';
	uint16_t port;
	size_t n;

	if (strncmp(text, unix_prefix, sizeof(unix_prefix) - 1) == 0)
		return parse_path(text + sizeof(unix_prefix) - 1, ret_endpoint);
	if (!colon || !parse_port(colon + 1, &port))
		return false;
	n = (size_t)(colon - text) - (is_bracketed ? 2 : 0);
	if (n >= sizeof(address))
		return false;
	memcpy(address, text + is_bracketed, n);
	address[n] = '\0';
	if (!addr_parse(address, port, &endpoint.addr) ||
	    is_bracketed != (endpoint.sa.sa_family == AF_INET6))
		return false;
	endpoint.n = addr_len(&endpoint.addr);
	*ret_endpoint = endpoint;
	return true;
}

bool endpoint_is_local(const struct endpoint *endpoint)
{
	return endpoint->sa.sa_family == AF_UNIX || addr_is_loopback(&endpoint->addr);
}

/* What is left of a process that was there before; anything but a socket stays. */
static void remove_old(const char *path)
{
	struct stat stat;

	if (lstat(path, &stat) == 0 && S_ISSOCK(stat.st_mode))
		(void)unlink(path);
}

static int bind_path(int fd, const struct endpoint *endpoint)
{
	const char *path = endpoint->un.sun_path;

	remove_old(path);
	/* The file is made with the mode of the descriptor, less the umask. */
	if (fchmod(fd, MODE & 0600) < 0 || bind(fd, &endpoint->sa, endpoint->n) < 0 ||
	    chmod(path, MODE) < 0)
		return -errno;
	return 0;
}

static int bind_address(int fd, const struct endpoint *endpoint)
{
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
		return -errno;
	if (endpoint->sa.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return -errno;
	return bind(fd, &endpoint->sa, endpoint->n) < 0 ? -errno : 0;
}

int endpoint_listen(const struct endpoint *endpoint)
{
	int fd = socket(endpoint->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = endpoint->sa.sa_family == AF_UNIX ? bind_path(fd, endpoint)
					      : bind_address(fd, endpoint);
	if (r == 0 && listen(fd, BACKLOG) < 0)
		r = -errno;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}
