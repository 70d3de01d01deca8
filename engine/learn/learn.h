/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_LEARN_H
#define POSTERN_LEARN_LEARN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "learn/census.h"
#include "learn/listener.h"
#include "learn/waiter.h"

/*
 * The servers that are known to ask for a client certificate, or known not to: in memory, kept in a
 * store behind it, shared with other boxes where the store can. Any thread may call; no call waits
 * for the store. Moments are us since 1970.
 */
struct learned;

struct learned_options {
	unsigned max;         /* entries; the least used make room, never the operator's */
	uint64_t ask_again;   /* us: how often one caller is asked to probe an expired entry */
	uint64_t keep;        /* us after its expiry that an entry still serves; 0: for ever */
	unsigned siblings;    /* names that make an entry for all of them; 0: never */
	unsigned per_client;  /* new entries that asked, per client and hour; 0: no limit */
	uint64_t write_every; /* us between two writes to the store */
	struct learned_listener listener;
};

#define LEARNED_DEFAULTS                                                                           \
	((struct learned_options){ .max = 100000,                                                  \
				   .ask_again = 30 * 1000000ULL,                                   \
				   .keep = 7 * 86400 * 1000000ULL,                                 \
				   .siblings = 3,                                                  \
				   .per_client = 0,                                                \
				   .write_every = 500000 })

/*
 * Starts from what the store has. `store`: "none", "sqlite:PATH" or "/PATH",
 * "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]", "redis+unix://[[USER]:PASSWORD@]/PATH[?db=N]". It
 * has a thread of its own, so it is not to be called before the last fork. A store that cannot be
 * had now is logged and tried again: 0; -EINVAL: no such kind of store; -ENOMEM.
 */
int learned_open(const struct learned_options *options, const char *store,
		 struct learned **ret_learned);
/* Writes what is not written yet. False: it could not. */
bool learned_free(struct learned *learned);
/* A reload: all but `max`, `write_every` and `listener`. */
void learned_set_options(struct learned *learned, const struct learned_options *options);

/* --- what is known --- */

enum learned_result {
	LEARNED_UNKNOWN,
	LEARNED_FRESH,
	LEARNED_STALE, /* as FRESH, and this caller is asked to probe the server again, in the
			  background; others are not, for `ask_again` */
};

/*
 * The entry for a server: the operator's before others, then this address before any address, then
 * this name before a generalised one. The caller judges state and class. A hit is counted.
 */
enum learned_result learned_find(struct learned *learned, const char *host,
				 const union addr *server, uint64_t now, struct entry *ret_entry);
/* The same without a hit, and without being asked: to explain. Never LEARNED_STALE. */
enum learned_result learned_look(struct learned *learned, const char *host,
				 const union addr *server, uint64_t now, struct entry *ret_entry);

/* --- learning --- */

enum learned_note {
	LEARNED_ADDED,
	LEARNED_REFRESHED,     /* known, and the same as before */
	LEARNED_COVERED,       /* a generalised entry says the same, and was refreshed instead */
	LEARNED_GENERALISED,   /* added or refreshed, and now there is an entry for all siblings */
	LEARNED_CLASS_CHANGED, /* not by an outcome: among those that ask in the handshake */
	LEARNED_KEY_CHANGED,   /* the server proved another key than before */
	LEARNED_LIMITED,       /* not added: the client's limit is reached */
	LEARNED_FULL,          /* not added: no room that it may take, or no memory */
};

/*
 * Adds an entry, or takes the new evidence into the old one: the state stays when the operator set
 * it. Entries of source LEARN_OPERATOR bring the operator's own decision. `client`: on whose
 * connection it was seen, or NULL (no limit). `has_wildcard`: the server's certificate names
 * "*.parent" of this host. `ret_before` (or NULL) is set for the two changes.
 */
enum learned_note learned_note(struct learned *learned, const struct entry *entry,
			       const union addr *client, bool has_wildcard,
			       struct entry *ret_before);

/*
 * By the operator, for the entry of this very host and server (AF_UNSPEC: the any-address one), or
 * for all of this host when `server` is NULL. The number of entries it met.
 */
unsigned learned_forget(struct learned *learned, const char *host, const union addr *server,
			uint64_t now);
unsigned learned_set_state(struct learned *learned, const char *host, const union addr *server,
			   enum learn_state state, uint64_t now);
/* How often an entry became forbidden, by whomever: what is being passed may have to end. */
unsigned learned_forbids(const struct learned *learned);

/* One that was exported: entry_merge(). 0, -ENOSPC (no room) or -ENOMEM. */
int learned_import(struct learned *learned, const struct entry *entry);

/*
 * One that a fleet's bundle brings: as learned_import(), but what the operator of this box decided
 * stays. `before`: what the bundle before it said of the same server, NULL: nothing. By that it is
 * known whose decision is in force here: the fleet's, which follows the new bundle, or another.
 */
int learned_adopt(struct learned *learned, const struct entry *entry, const struct entry *before);
/* One that the new bundle no longer has: the fleet's decision about it is forgotten. */
void learned_disown(struct learned *learned, const struct entry *before, uint64_t now);

/* Each entry, in no order, until the callback says false. It may call anything. 0 or -ENOMEM. */
int learned_each(struct learned *learned, bool (*each)(void *context, const struct entry *entry),
		 void *context);
size_t learned_count(struct learned *learned);
void learned_take_census(struct learned *learned, struct learned_census *ret_census);
/* Whether the store takes what it is given; false also while it has not been reached yet. */
bool learned_is_stored(struct learned *learned);

#endif
