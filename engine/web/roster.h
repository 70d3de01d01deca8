/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_WEB_ROSTER_H
#define POSTERN_WEB_ROSTER_H

#include "learn/learn.h"
#include "policy/config.h"
#include "web/text.h"

/*
 * The learned servers, as their store has them: read anew for each page, and written as the command
 * `postern learned` writes. posternd hears of a change within a second.
 */

enum { ROSTER_PAGE = 50, ROSTER_PAGES = 20 };

struct roster {
	struct entry *entries; /* those of one page, the one seen last first; malloc()ed */
	unsigned n;
	size_t n_all;   /* that fit */
	bool has_store; /* false: nothing is kept */
};

struct roster_query {
	char find[LEARN_HOST_MAX]; /* part of the name; "": all */
	char state[16];            /* the word; "": any */
	unsigned page;             /* from 0 */
};

/* 0 or -errno; -EIO: the store cannot be had. */
int roster_load(const struct config *config, const struct roster_query *query,
		struct roster *ret_hosts);
void roster_free(struct roster *hosts);

/* What a button says: "approve 192.0.2.1 443 www.example.gov"; without a name the last is empty. */
struct roster_order {
	enum roster_verb { ROSTER_APPROVE, ROSTER_FORBID, ROSTER_FORGET, ROSTER_N_VERBS } verb;
	struct entry entry; /* host and server of it */
};

bool roster_order_read(const char *text, struct roster_order *ret_order);
/* 0; -ENOENT: there is no such entry; -EIO: the store cannot be had. */
int roster_order_do(const struct config *config, const struct roster_order *order);

/* `said`: what became of an order, or NULL. `may_change`: buttons are shown. */
void roster_write(struct text *text, const struct roster *hosts, const struct roster_query *query,
		  const char *said, bool may_change);

#endif
