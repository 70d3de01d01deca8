/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/tproxy.h"

static bool has_option(int fd, int level, int name, int wanted)
{
	int value = 0;
	socklen_t n = sizeof(value);

	return getsockopt(fd, level, name, &value, &n) == 0 && value == wanted;
}

/* Whether tproxy_listen() could have made it. IP_TRANSPARENT can be read of IPv6 sockets, too. */
static bool is_fit(int fd, const union addr *addr)
{
	union addr own = { 0 };
	socklen_t n = sizeof(own);

	return getsockname(fd, &own.sa, &n) == 0 && addr_equal(&own, addr) &&
	       has_option(fd, SOL_SOCKET, SO_ACCEPTCONN, 1) &&
	       has_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) &&
	       has_option(fd, IPPROTO_IP, IP_TRANSPARENT, 1);
}

/* Takes a fitting one out of the given ones, or -1. Its mark may be another configuration's. */
static int take(int *given, unsigned n, const union addr *addr, uint32_t mark)
{
	for (unsigned i = 0; i < n; i++) {
		int fd = given[i];

		if (fd >= 0 && is_fit(fd, addr) &&
		    setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0) {
			given[i] = -1;
			return fd;
		}
	}
	return -1;
}

static int listen_on(const union addr *addr, uint32_t mark, bool is_first)
{
	char text[ADDR_TEXT_MAX];
	int r = is_first ? tproxy_probe_port(addr) : 0;

	if (r == 0)
		r = tproxy_listen(addr, mark);
	if (r < 0)
		log_error("cannot listen on %s port %u: %s", addr_text(addr, text), addr_port(addr),
			  strerror(-r));
	return r;
}

static int open_family(struct listeners *listeners, unsigned family, const union addr *addr,
		       uint32_t mark, int *given, unsigned n_given)
{
	for (unsigned i = 0; i < listeners->n && addr->sa.sa_family != AF_UNSPEC; i++) {
		int fd = take(given, n_given, addr, mark);

		if (fd < 0)
			fd = listen_on(addr, mark, i == 0);
		if (fd < 0)
			return fd;
		listeners->fds[i][family] = fd;
	}
	return 0;
}

int listeners_open(struct listeners *listeners, const struct config *config, unsigned n_workers,
		   const int *given, unsigned n_given)
{
	int left[LISTENERS_MAX];
	int r;

	if (n_given > LISTENERS_MAX)
		n_given = LISTENERS_MAX;
	memcpy(left, given, sizeof(*given) * n_given);
	memset(listeners->fds, -1, sizeof(listeners->fds));
	listeners->n = n_workers;
	r = open_family(listeners, 0, &config->listen.ipv4, config->mark_listener, left, n_given);
	if (r == 0)
		r = open_family(listeners, 1, &config->listen.ipv6, config->mark_listener, left,
				n_given);
	for (unsigned i = 0; i < n_given; i++)
		if (left[i] >= 0)
			close(left[i]);
	return r;
}

unsigned listeners_list(const struct listeners *listeners, int *ret_fds)
{
	unsigned n = 0;

	for (unsigned i = 0; i < listeners->n; i++)
		for (unsigned family = 0; family < 2; family++)
			if (listeners->fds[i][family] >= 0)
				ret_fds[n++] = listeners->fds[i][family];
	return n;
}

void listeners_close(struct listeners *listeners)
{
	int fds[LISTENERS_MAX];
	unsigned n = listeners_list(listeners, fds);

	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
	listeners->n = 0;
}
