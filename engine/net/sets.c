/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/sets.h"

#define SETS_TEXT(constant, text) [constant] = text,
const char *const sets_flag_names[SETS_N_FLAGS] = { SETS_FLAGS(SETS_TEXT) };
const char *const sets_list_names[SETS_N_LISTS] = { SETS_ADDRESSES(SETS_TEXT) };
#undef SETS_TEXT

const char *sets_name(const struct sets *sets)
{
	return sets->kind->name;
}

int sets_open(struct sets *sets, const struct sets_kind *kind)
{
	sets->kind = kind;
	return netlink_open(&sets->netlink);
}

void sets_close(struct sets *sets)
{
	netlink_close(&sets->netlink);
}

int sets_set_flags(struct sets *sets, unsigned on, unsigned off)
{
	return sets->kind->set_flags(&sets->netlink, on, off);
}

int sets_add(struct sets *sets, bool is_pass, const union addr *server, uint32_t seconds)
{
	static const enum sets_list lists[2][2] = { { SETS_INTERCEPT4, SETS_INTERCEPT6 },
						    { SETS_PASS4, SETS_PASS6 } };
	enum sets_list list = lists[is_pass][server->sa.sa_family == AF_INET6];

	return sets->kind->add(&sets->netlink, list, server, seconds);
}

int sets_flush(struct sets *sets)
{
	return sets->kind->flush(&sets->netlink);
}

int sets_unjudged(struct sets *sets, uint64_t *ret_n)
{
	return sets->kind->unjudged(&sets->netlink, ret_n);
}
