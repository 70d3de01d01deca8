/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_NET_SETS_H
#define POSTERN_NET_SETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "net/netlink.h"

/*
 * The sets in the kernel that the rules ask: what holds for new connections, and which addresses
 * are known. Rules of iptables ask ipsets (postern_NAME), those of nftables the sets of the table
 * `inet postern`; a struct sets is one or the other. postern-rules makes the sets, nobody else.
 *
 * Every function: 0 or -errno; -ENOENT: the rules are not loaded.
 */

/* Flags: sets whose one possible element is port 443. */
#define SETS_FLAGS(X)                                                                              \
	X(SETS_ARMED, "armed")                 /* somebody is there to judge */                    \
	X(SETS_FORWARD_FIRST, "forward_first") /* what is intercepted goes through FORWARD */      \
	X(SETS_QUIC_REJECT, "quic_reject")                                                         \
	X(SETS_QUIC_QUEUE, "quic_queue")                                                           \
	X(SETS_QUIC_ALLOW, "quic_allow")                                                           \
	X(SETS_CLOSED, "closed") /* what is not judged is dropped; the only one that stays */

/* Addresses of servers. */
#define SETS_ADDRESSES(X)                                                                          \
	X(SETS_PASS4, "pass4")                                                                     \
	X(SETS_PASS6, "pass6")                                                                     \
	X(SETS_INTERCEPT4, "intercept4")                                                           \
	X(SETS_INTERCEPT6, "intercept6")

#define SETS_CONSTANT(constant, text) constant,
enum sets_flag { SETS_FLAGS(SETS_CONSTANT) SETS_N_FLAGS };
enum sets_list { SETS_ADDRESSES(SETS_CONSTANT) SETS_N_LISTS };
#undef SETS_CONSTANT

enum { SETS_LIFE_MS = 3000 }; /* of a flag that is not raised again: the dead man's time */

struct sets_kind;
struct sets {
	const struct sets_kind *kind;
	struct netlink netlink;
};

extern const struct sets_kind sets_nftables, sets_ipset;

const char *sets_name(const struct sets *sets); /* "nftables", "ipset" */

int sets_open(struct sets *sets, const struct sets_kind *kind);
void sets_close(struct sets *sets);

/*
 * Raises the flags `on` (bits 1 << SETS_...) for SETS_LIFE_MS from now, SETS_CLOSED for good;
 * lowers the flags `off`.
 */
int sets_set_flags(struct sets *sets, unsigned on, unsigned off);

/* Puts the server's address in a list, for `seconds`. */
int sets_add(struct sets *sets, bool is_pass, const union addr *server, uint32_t seconds);
/* Empties the lists. */
int sets_flush(struct sets *sets);

/* How many new connections nobody judged since the rules were loaded. */
int sets_unjudged(struct sets *sets, uint64_t *ret_n);

/* --- for the two kinds --- */

struct sets_kind {
	const char *name;
	int (*set_flags)(struct netlink *nl, unsigned on, unsigned off);
	int (*add)(struct netlink *nl, enum sets_list list, const union addr *server,
		   uint32_t seconds);
	int (*flush)(struct netlink *nl);
	int (*unjudged)(struct netlink *nl, uint64_t *ret_n);
};

extern const char *const sets_flag_names[SETS_N_FLAGS];
extern const char *const sets_list_names[SETS_N_LISTS];

#endif
