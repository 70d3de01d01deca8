/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The address is whatever a server's certificate says. So this connects for itself, to public
 * addresses alone unless the owner has others, and hands libcrypto the open socket; there are no
 * redirects.
 */
#include "tls/http.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/http.h>
#include <openssl/ocsp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"

static bool connects(int fd, const struct addrinfo *at, unsigned timeout_s)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t n = sizeof(error);

	if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
		return true;
	return errno == EINPROGRESS && poll(&poll_fd, 1, (int)timeout_s * 1000) == 1 &&
	       getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0;
}

/* The first address that answers; -1: none. */
static int dial(const struct http_order *order, const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all, *at;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &all) != 0)
		return -1;
	for (at = all; at && fd < 0; at = at->ai_next) {
		if (!order->may_be_private && !addr_is_public((const union addr *)at->ai_addr))
			continue;
		fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		if ((order->mark == 0 ||
		     setsockopt(fd, SOL_SOCKET, SO_MARK, &order->mark, sizeof(order->mark)) == 0) &&
		    connects(fd, at, order->timeout_s))
			break;
		close(fd);
		fd = -1;
	}
	freeaddrinfo(all);
	return fd;
}

static size_t take(BIO *answer, uint8_t *bytes, size_t max)
{
	size_t n = 0;
	int r;

	while (n < max && (r = BIO_read(answer, bytes + n, (int)(max - n))) > 0)
		n += (size_t)r;
	return n;
}

static size_t transfer(const struct http_order *order, BIO *connection, const char *host,
		       const char *port, const char *path, uint8_t *ret_answer)
{
	BIO *body = order->body ? BIO_new_mem_buf(order->body, (int)order->n) : NULL;
	const char *type = body ? "application/ocsp-request" : NULL;
	/* Certificates come under many names; what they are is seen when they are read. */
	const char *expected = body ? "application/ocsp-response" : NULL;
	BIO *answer = NULL;
	size_t n = 0;

	if (body || !order->body)
		/* With one for each direction it does not try to connect. */
		answer = OSSL_HTTP_transfer(NULL, host, port, path, 0, NULL, NULL, connection,
					    connection, NULL, NULL, 0, NULL, type, body, expected,
					    1, order->max, (int)order->timeout_s, 0);
	if (answer)
		n = take(answer, ret_answer, order->max);
	BIO_free(answer);
	BIO_free(body);
	return n;
}

size_t http_fetch(const struct http_order *order, uint8_t *ret_answer)
{
	char *host = NULL, *port = NULL, *path = NULL;
	int is_tls = 0, fd;
	BIO *connection;
	size_t n = 0;

	if (!OSSL_HTTP_parse_url(order->url, &is_tls, NULL, &host, &port, NULL, &path, NULL, NULL))
		return 0;
	fd = is_tls ? -1 : dial(order, host, port);
	connection = fd >= 0 ? BIO_new_socket(fd, BIO_CLOSE) : NULL;
	if (connection)
		n = transfer(order, connection, host, port, path, ret_answer);
	else if (fd >= 0)
		close(fd);
	BIO_free(connection);
	OPENSSL_free(host);
	OPENSSL_free(port);
	OPENSSL_free(path);
	return n;
}
