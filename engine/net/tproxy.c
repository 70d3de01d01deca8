/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/tproxy.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum {
	BACKLOG = 4096,
	/* IPV6_TRANSPARENT of linux/in6.h, which cannot stand beside netinet/in.h. */
	TRANSPARENT_IPV6 = 75,
};

static int option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int transparent(int fd, const union addr *addr)
{
	if (addr->sa.sa_family == AF_INET6)
		return option(fd, IPPROTO_IPV6, TRANSPARENT_IPV6, 1);
	return option(fd, IPPROTO_IP, IP_TRANSPARENT, 1);
}

static int tcp_socket(const union addr *addr)
{
	int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int fail(int fd, int error)
{
	close(fd);
	return error;
}

static int listener_bind(int fd, const union addr *addr)
{
	int r = option(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (r == 0 && addr->sa.sa_family == AF_INET6)
		r = option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (r == 0)
		r = transparent(fd, addr);
	if (r == 0 && bind(fd, &addr->sa, addr_len(addr)) < 0)
		r = -errno;
	return r;
}

int tproxy_listen(const union addr *addr, uint32_t mark)
{
	int fd = tcp_socket(addr);
	int r;

	if (fd < 0)
		return fd;
	r = option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (r == 0)
		r = option(fd, SOL_SOCKET, SO_MARK, (int)mark);
	if (r == 0)
		r = option(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* inherited, as is keepalive */
	if (r == 0)
		r = option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (r == 0)
		r = listener_bind(fd, addr);
	if (r == 0 && listen(fd, BACKLOG) < 0)
		r = -errno;
	return r < 0 ? fail(fd, r) : fd;
}

int tproxy_probe_port(const union addr *addr)
{
	int fd = tcp_socket(addr);
	int r;

	if (fd < 0)
		return fd;
	r = listener_bind(fd, addr);
	if (r == 0 && listen(fd, 1) < 0)
		r = -errno;
	close(fd);
	return r;
}

int tproxy_accept(int listener, union addr *ret_client, union addr *ret_server)
{
	union addr client = { 0 }, server = { 0 };
	socklen_t n = sizeof(client);
	int fd = accept4(listener, &client.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return -errno;
	n = sizeof(server);
	/* TPROXY leaves the packet as it was: the local address of the socket is the server's. */
	if (getsockname(fd, &server.sa, &n) < 0)
		return fail(fd, -errno);
	*ret_client = client;
	*ret_server = server;
	return fd;
}

/*
 * The client's own port first, so that the server's log and rules see the very flow; it cannot be
 * had when it is privileged, or when the last connection of these four numbers lingers. Every such
 * socket needs SO_REUSEADDR, or one without it would lock the port for the others.
 */
static int bind_as_client(int fd, const union addr *client)
{
	union addr any_port = *client;
	int r = transparent(fd, client);

	if (r == 0)
		r = option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r < 0)
		return r;
	if (bind(fd, &client->sa, addr_len(client)) == 0)
		return 0;
	addr_set_port(&any_port, 0);
	r = option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (r == 0 && bind(fd, &any_port.sa, addr_len(&any_port)) < 0)
		r = -errno;
	return r;
}

static int dial(const union addr *server, const union addr *client, uint32_t mark, bool is_fast)
{
	int fd = tcp_socket(server);
	int r;

	if (fd < 0)
		return fd;
	r = option(fd, SOL_SOCKET, SO_MARK, (int)mark);
	if (r == 0)
		r = option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (r == 0)
		r = option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (r == 0 && is_fast) /* a kernel that was built without it dials as ever */
		(void)option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	if (r == 0 && client)
		r = bind_as_client(fd, client);
	if (r == 0 && connect(fd, &server->sa, addr_len(server)) < 0 && errno != EINPROGRESS)
		r = -errno;
	return r < 0 ? fail(fd, r) : fd;
}

int tproxy_dial(const union addr *server, const union addr *client, uint32_t mark, bool is_fast)
{
	int fd = dial(server, client, mark, is_fast);

	if (fd == -EADDRNOTAVAIL && client) {
		/* These four numbers are in TIME_WAIT, which only connect() notices. */
		union addr any_port = *client;

		addr_set_port(&any_port, 0);
		fd = dial(server, &any_port, mark, is_fast);
	}
	return fd;
}

int tproxy_dial_result(int fd)
{
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		return -errno;
	return -error;
}

void tproxy_acknowledge(int fd)
{
	(void)option(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
}

uint64_t tproxy_last_heard(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t n = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
		return 0;
	return info.tcpi_last_data_recv;
}

void tproxy_low_water(int fd, int bytes)
{
	(void)option(fd, SOL_SOCKET, SO_RCVLOWAT, bytes);
}
