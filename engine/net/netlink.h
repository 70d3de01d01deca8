/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_NET_NETLINK_H
#define POSTERN_NET_NETLINK_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Requests to nfnetlink (linux/netfilter/nfnetlink.h) over libmnl: one or several messages out,
 * their acknowledgements in. Blocks, but never longer than a second.
 */
struct mnl_socket;
struct nlmsghdr;
struct nlattr;

struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
	alignas(8) char buffer[16384]; /* the request that is being written */
	size_t used;
	unsigned n_messages; /* that ask for an acknowledgement */
	uint32_t first;      /* sequence number of the first message of this request */
};

int netlink_open(struct netlink *nl);
void netlink_close(struct netlink *nl);

/* Begins a request; what was written before and not sent is forgotten. */
void netlink_begin(struct netlink *nl);
/*
 * Begins the next message of the request and returns it, for libmnl's mnl_attr_put...(). `type` is
 * subsystem << 8 | message, `flags` go beside NLM_F_REQUEST. NULL when the request is full.
 */
struct nlmsghdr *netlink_message(struct netlink *nl, uint16_t type, uint16_t flags, uint8_t family,
				 uint16_t resource);
/* Ends the message that netlink_message() returned. */
void netlink_end(struct netlink *nl, const struct nlmsghdr *message);

/*
 * Sends the request and waits for all it asked for. Each message of type `wanted` that comes is
 * shown to `see` (may be NULL). 0, or -errno: the first mistake the kernel names, -ETIMEDOUT.
 */
int netlink_send(struct netlink *nl, void (*see)(const struct nlmsghdr *message, void *context),
		 void *context);

#endif
