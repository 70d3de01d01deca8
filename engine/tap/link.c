/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/link.h"

#include "base/reader.h"

enum {
	ETHERNET_ADDRESSES = 12,
	COOKED_TYPE = 14,   /* bytes in front of the protocol */
	COOKED_2_REST = 18, /* bytes behind the protocol, which comes first */
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	TYPE_VLAN_SERVICE = 0x88a8,
	TYPE_VLAN_OLD = 0x9100,
	TAGS_MAX = 4,
};

bool link_is_known(int link)
{
	static const enum link known[] = { LINK_NULL,   LINK_ETHERNET, LINK_RAW,  LINK_LOOP,
					   LINK_COOKED, LINK_IPV4,     LINK_IPV6, LINK_COOKED_2 };

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if ((int)known[i] == link)
			return true;
	return false;
}

/* The type, and behind it any number of tags with the next type in them. */
static bool is_ip_type(struct reader *r, uint16_t type)
{
	for (unsigned tags = 0; tags < TAGS_MAX; tags++) {
		if (type != TYPE_VLAN && type != TYPE_VLAN_SERVICE && type != TYPE_VLAN_OLD)
			break;
		(void)reader_u16(r); /* priority and number */
		type = reader_u16(r);
	}
	return type == TYPE_IPV4 || type == TYPE_IPV6;
}

static bool skip_header(enum link link, struct reader *r)
{
	uint16_t type;

	switch (link) {
	case LINK_RAW:
	case LINK_IPV4:
	case LINK_IPV6:
		return true;
	case LINK_NULL:
	case LINK_LOOP:
		/* IPv6 has another number on each system; the packet tells what it is. */
		return reader_bytes(r, 4);
	case LINK_ETHERNET:
		(void)reader_bytes(r, ETHERNET_ADDRESSES);
		return is_ip_type(r, reader_u16(r));
	case LINK_COOKED:
		(void)reader_bytes(r, COOKED_TYPE);
		return is_ip_type(r, reader_u16(r));
	case LINK_COOKED_2:
		type = reader_u16(r);
		(void)reader_bytes(r, COOKED_2_REST);
		return is_ip_type(r, type);
	}
	return false;
}

const uint8_t *link_packet(enum link link, const uint8_t *frame, size_t n, size_t *ret_n)
{
	struct reader r = reader_of(frame, n);

	if (!skip_header(link, &r) || !reader_ok(&r) || reader_left(&r) == 0)
		return NULL;
	*ret_n = reader_left(&r);
	return r.at;
}
