/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sets of the table `inet postern` (linux/netfilter/nf_tables.h). A flag is raised by adding,
 * deleting and adding its element in one transaction: adding alone would not renew its time.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>

#include "net/sets.h"

#define TABLE "postern"

static uint16_t type_of(uint16_t message)
{
	return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message);
}

static int put_mark(struct netlink *nl, uint16_t type)
{
	struct nlmsghdr *message = netlink_message(nl, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);

	if (!message)
		return -EMSGSIZE;
	netlink_end(nl, message);
	return 0;
}

struct element {
	const char *set;
	const void *key; /* NULL: every element */
	size_t n_key;
	uint64_t ms; /* 0: for good */
};

static int put_element(struct netlink *nl, uint16_t what, const struct element *element)
{
	uint16_t flags = NLM_F_ACK | (what == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	struct nlmsghdr *message = netlink_message(nl, type_of(what), flags, NFPROTO_INET, 0);
	struct nlattr *list, *item, *key;

	if (!message)
		return -EMSGSIZE;
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, TABLE);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, element->set);
	if (element->key) {
		list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
		item = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
		key = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
		mnl_attr_put(message, NFTA_DATA_VALUE, element->n_key, element->key);
		mnl_attr_nest_end(message, key);
		if (element->ms > 0 && what == NFT_MSG_NEWSETELEM)
			mnl_attr_put_u64(message, NFTA_SET_ELEM_TIMEOUT, htobe64(element->ms));
		mnl_attr_nest_end(message, item);
		mnl_attr_nest_end(message, list);
	}
	netlink_end(nl, message);
	return 0;
}

static int set_flags(struct netlink *nl, unsigned on, unsigned off)
{
	uint16_t port = htons(443);
	int r;

	netlink_begin(nl);
	r = put_mark(nl, NFNL_MSG_BATCH_BEGIN);
	for (unsigned i = 0; i < SETS_N_FLAGS && r == 0; i++) {
		struct element element = { .set = sets_flag_names[i],
					   .key = &port,
					   .n_key = sizeof(port),
					   .ms = i == SETS_CLOSED ? 0 : SETS_LIFE_MS };

		if (!((on | off) & 1U << i))
			continue;
		r = put_element(nl, NFT_MSG_NEWSETELEM,
				&element); /* else there may be none to delete */
		if (r == 0)
			r = put_element(nl, NFT_MSG_DELSETELEM, &element);
		if (r == 0 && (on & 1U << i))
			r = put_element(nl, NFT_MSG_NEWSETELEM, &element);
	}
	if (r == 0)
		r = put_mark(nl, NFNL_MSG_BATCH_END);
	return r < 0 ? r : netlink_send(nl, NULL, NULL);
}

/* Added and deleted first, so that what is there already lives longer. */
static int add(struct netlink *nl, enum sets_list list, const union addr *server, uint32_t seconds)
{
	struct element element = { .set = sets_list_names[list], .ms = seconds * 1000ULL };
	int r;

	element.key = addr_bytes(server, &element.n_key);
	netlink_begin(nl);
	r = put_mark(nl, NFNL_MSG_BATCH_BEGIN);
	if (r == 0)
		r = put_element(nl, NFT_MSG_NEWSETELEM, &element);
	if (r == 0)
		r = put_element(nl, NFT_MSG_DELSETELEM, &element);
	if (r == 0)
		r = put_element(nl, NFT_MSG_NEWSETELEM, &element);
	if (r == 0)
		r = put_mark(nl, NFNL_MSG_BATCH_END);
	return r < 0 ? r : netlink_send(nl, NULL, NULL);
}

static int flush(struct netlink *nl)
{
	int r;

	netlink_begin(nl);
	r = put_mark(nl, NFNL_MSG_BATCH_BEGIN);
	for (unsigned i = 0; i < SETS_N_LISTS && r == 0; i++) {
		struct element all = { .set = sets_list_names[i] };

		r = put_element(nl, NFT_MSG_DELSETELEM, &all);
	}
	if (r == 0)
		r = put_mark(nl, NFNL_MSG_BATCH_END);
	return r < 0 ? r : netlink_send(nl, NULL, NULL);
}

static void see_counter(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attribute, *inner;
	uint64_t *n = context;

	mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attribute) != NFTA_OBJ_DATA)
			continue;
		mnl_attr_for_each_nested(inner, attribute)
		{
			if (mnl_attr_get_type(inner) == NFTA_COUNTER_PACKETS &&
			    mnl_attr_get_payload_len(inner) == sizeof(uint64_t))
				*n = be64toh(mnl_attr_get_u64(inner));
		}
	}
}

static int unjudged(struct netlink *nl, uint64_t *ret_n)
{
	struct nlmsghdr *message;

	netlink_begin(nl);
	message = netlink_message(nl, type_of(NFT_MSG_GETOBJ), NLM_F_ACK, NFPROTO_INET, 0);
	if (!message)
		return -EMSGSIZE;
	mnl_attr_put_strz(message, NFTA_OBJ_TABLE, TABLE);
	mnl_attr_put_strz(message, NFTA_OBJ_NAME, "unjudged");
	mnl_attr_put_u32(message, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
	netlink_end(nl, message);
	return netlink_send(nl, see_counter, ret_n);
}

const struct sets_kind sets_nftables = {
	.name = "nftables",
	.set_flags = set_flags,
	.add = add,
	.flush = flush,
	.unjudged = unjudged,
};
