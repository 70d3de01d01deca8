/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_LINK_H
#define POSTERN_TAP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where the IP packet begins in a captured frame. The numbers are the registry's
 * (https://www.tcpdump.org/linktypes.html). No I/O.
 */
enum link {
	LINK_NULL = 0, /* BSD loopback: the address family in the order of the capturing machine */
	LINK_ETHERNET = 1,
	LINK_RAW = 101,
	LINK_LOOP = 108,   /* OpenBSD loopback: the same in network order */
	LINK_COOKED = 113, /* Linux, interface "any" */
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_COOKED_2 = 276,
};

bool link_is_known(int link);

/*
 * The IP packet inside the frame, borrowed; VLAN tags are stepped over. NULL when it holds
 * something else, or ends before it.
 */
const uint8_t *link_packet(enum link link, const uint8_t *frame, size_t n, size_t *ret_n);

#endif
