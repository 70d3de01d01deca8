/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_NET_TPROXY_H
#define POSTERN_NET_TPROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/sock.h"

/*
 * The sockets of a connection that TPROXY diverted: the transparent listener that receives it, and
 * the dial to the server it was meant for, from our own address or from the client's.
 */

/*
 * A listening socket, transparent, SO_REUSEPORT so that each worker has its own; accepted sockets
 * inherit `mark`, by which the rules recognise them. The descriptor or -errno.
 */
int tproxy_listen(const union addr *addr, uint32_t mark);

/* -EADDRINUSE when somebody listens there already: SO_REUSEPORT would share the port silently. */
int tproxy_probe_port(const union addr *addr);

/* Accepts one connection: its peer, and the address it was meant for. The descriptor or -errno. */
int tproxy_accept(int listener, union addr *ret_client, union addr *ret_server);

/*
 * Begins to connect to `server`. With `client` the socket is bound to the client's address and
 * port, or where the port cannot be had, to a free one. The descriptor (the connect is under way)
 * or -errno.
 *
 * With `is_fast`, a server that gave us a cookie (RFC 7413) is only dialled by the first bytes that
 * are sent, which its SYN carries: the socket is writable before anybody answered, and a refusal
 * comes with the first read.
 */
int tproxy_dial(const union addr *server, const union addr *client, uint32_t mark, bool is_fast);

/* How the dial ended, once the socket is writable: 0 or -errno. */
int tproxy_dial_result(int fd);

/*
 * Acknowledges now what was received, where the kernel would wait for something to send: until then
 * the peer's Nagle algorithm may hold its next bytes back, for 40 ms.
 */
void tproxy_acknowledge(int fd);

/* How many ms ago the kernel got the last bytes from the peer: so long have they waited here. */
uint64_t tproxy_last_heard(int fd);

/*
 * How many bytes must be there before the kernel reports the socket readable (SO_RCVLOWAT); it
 * makes room for as many.
 */
void tproxy_low_water(int fd, int bytes);

#endif
