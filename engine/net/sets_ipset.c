/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ipsets postern_NAME (linux/netfilter/ipset/ip_set.h), for the rules of iptables. */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdio.h>

#include "net/sets.h"

enum { PROTOCOL = 6 }; /* of ipset: what every kernel since 2.6.39 speaks */

static struct nlmsghdr *begin(struct netlink *nl, uint16_t command, uint16_t flags,
			      const char *name)
{
	uint16_t type = (uint16_t)(NFNL_SUBSYS_IPSET << 8 | command);
	struct nlmsghdr *message = netlink_message(nl, type, flags, AF_INET, 0);
	char full[IPSET_MAXNAMELEN];

	if (!message)
		return NULL;
	snprintf(full, sizeof(full), "postern_%s", name);
	mnl_attr_put_u8(message, IPSET_ATTR_PROTOCOL, PROTOCOL);
	mnl_attr_put_strz(message, IPSET_ATTR_SETNAME, full);
	return message;
}

static void put_be32(struct nlmsghdr *message, uint16_t type, uint32_t value)
{
	mnl_attr_put_u32(message, type | NLA_F_NET_BYTEORDER, htonl(value));
}

static int put_flag(struct netlink *nl, enum sets_flag flag, bool on)
{
	struct nlmsghdr *message =
		begin(nl, on ? IPSET_CMD_ADD : IPSET_CMD_DEL, NLM_F_ACK, sets_flag_names[flag]);
	struct nlattr *data;

	if (!message)
		return -EMSGSIZE;
	data = mnl_attr_nest_start(message, IPSET_ATTR_DATA);
	mnl_attr_put_u16(message, IPSET_ATTR_PORT | NLA_F_NET_BYTEORDER, htons(443));
	if (on && flag != SETS_CLOSED)
		put_be32(message, IPSET_ATTR_TIMEOUT, SETS_LIFE_MS / 1000);
	mnl_attr_nest_end(message, data);
	netlink_end(nl, message);
	return 0;
}

/* Not one transaction: SETS_CLOSED comes first and SETS_ARMED last. */
static int set_flags(struct netlink *nl, unsigned on, unsigned off)
{
	int r = 0;

	netlink_begin(nl);
	for (unsigned i = SETS_N_FLAGS; i-- > 0 && r == 0;) {
		if ((on | off) & 1U << i)
			r = put_flag(nl, i, on & 1U << i);
	}
	return r < 0 ? r : netlink_send(nl, NULL, NULL);
}

static int add(struct netlink *nl, enum sets_list list, const union addr *server, uint32_t seconds)
{
	struct nlmsghdr *message;
	struct nlattr *data, *ip;
	const uint8_t *bytes;
	size_t n;

	netlink_begin(nl);
	message = begin(nl, IPSET_CMD_ADD, NLM_F_ACK, sets_list_names[list]);
	if (!message)
		return -EMSGSIZE;
	bytes = addr_bytes(server, &n);
	data = mnl_attr_nest_start(message, IPSET_ATTR_DATA);
	ip = mnl_attr_nest_start(message, IPSET_ATTR_IP);
	mnl_attr_put(message,
		     (n == 4 ? IPSET_ATTR_IPADDR_IPV4 : IPSET_ATTR_IPADDR_IPV6) |
			     NLA_F_NET_BYTEORDER,
		     n, bytes);
	mnl_attr_nest_end(message, ip);
	put_be32(message, IPSET_ATTR_TIMEOUT, seconds);
	mnl_attr_nest_end(message, data);
	netlink_end(nl, message);
	return netlink_send(nl, NULL, NULL);
}

static int flush(struct netlink *nl)
{
	netlink_begin(nl);
	for (unsigned i = 0; i < SETS_N_LISTS; i++) {
		struct nlmsghdr *message =
			begin(nl, IPSET_CMD_FLUSH, NLM_F_ACK, sets_list_names[i]);

		if (!message)
			return -EMSGSIZE;
		netlink_end(nl, message);
	}
	return netlink_send(nl, NULL, NULL);
}

/* IPSET_ATTR_ADT { IPSET_ATTR_DATA { ..., IPSET_ATTR_PACKETS } ... }, one DATA for each element. */
static void see_counters(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *outer, *data, *inner;
	uint64_t *n = context;

	mnl_attr_for_each(outer, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(outer) != IPSET_ATTR_ADT)
			continue;
		mnl_attr_for_each_nested(data, outer)
		{
			mnl_attr_for_each_nested(inner, data)
			{
				if (mnl_attr_get_type(inner) == IPSET_ATTR_PACKETS &&
				    mnl_attr_get_payload_len(inner) == sizeof(uint64_t))
					*n += be64toh(mnl_attr_get_u64(inner));
			}
		}
	}
}

static int unjudged(struct netlink *nl, uint64_t *ret_n)
{
	struct nlmsghdr *message;
	uint64_t n = 0;
	int r;

	netlink_begin(nl);
	message = begin(nl, IPSET_CMD_LIST, NLM_F_DUMP, "unjudged");
	if (!message)
		return -EMSGSIZE;
	netlink_end(nl, message);
	r = netlink_send(nl, see_counters, &n);
	if (r == 0)
		*ret_n = n;
	return r;
}

const struct sets_kind sets_ipset = {
	.name = "ipset",
	.set_flags = set_flags,
	.add = add,
	.flush = flush,
	.unjudged = unjudged,
};
