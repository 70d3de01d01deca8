/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_ADDR_H
#define POSTERN_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* An IPv4 or IPv6 address with a port, in the form the socket calls take. AF_UNSPEC: none. */
union addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

enum {
	ADDR_TEXT_MAX = INET6_ADDRSTRLEN, /* room for addr_text(), its NUL included */
};

/* Reads a numeric address without port ("192.0.2.1", "2001:db8::1"). False: it is not one. */
bool addr_parse(const char *text, uint16_t port, union addr *ret_addr);

/* Writes the address without its port; returns `text`. */
const char *addr_text(const union addr *addr, char text[ADDR_TEXT_MAX]);

uint16_t addr_port(const union addr *addr);
void addr_set_port(union addr *addr, uint16_t port);
socklen_t addr_len(const union addr *addr);

/* The raw address in network order; *ret_n is 4 or 16. */
const uint8_t *addr_bytes(const union addr *addr, size_t *ret_n);

/* Whether a server on the internet may have it: not a private one, or reserved (RFC 6890). */
bool addr_is_public(const union addr *addr);

/* Of this machine itself. */
bool addr_is_loopback(const union addr *addr);

/* Same family, address and port. */
bool addr_equal(const union addr *a, const union addr *b);

#endif
