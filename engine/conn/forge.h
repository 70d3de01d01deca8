/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_FORGE_H
#define POSTERN_CONN_FORGE_H

#include "base/metrics.h"
#include "base/sock.h"
#include "certgen/client.h"
#include "tls/leaf.h"

struct conn;

/*
 * Forged leaves of one worker, and its line to certgen. A leaf is asked for once however many
 * connections wait for it, and kept until it is old or room is needed.
 */

enum forged_state { FORGED_PENDING, FORGED_READY, FORGED_REFUSED, FORGED_FAILED, FORGED_DOWN };

struct forged; /* counted by the connections that hold it; one thread */

struct forge {
	struct sock sock; /* to certgen; SOCK_NONE when it is down */
	struct metrics_block *metrics;
	struct forged *entries; /* hash table, oldest first */
	struct forged *pending; /* those of them that certgen has not answered */
	const struct leaf_keys *keys;
	uint32_t last_id;
	_Atomic uint64_t n_unrecorded; /* leaves; any thread reads */
	uint8_t answer[CERTGEN_MESSAGE_MAX];
};

/* Both are borrowed. */
void forge_init(struct forge *forge, const struct leaf_keys *keys, struct metrics_block *metrics);
void forge_deinit(struct forge *forge);

/*
 * A new line to certgen (the descriptor is taken over), which is told the public keys. It may sign
 * with another CA: what there is of leaves is dropped, and what was asked and not answered is asked
 * again. 0 or -errno.
 */
int forge_connect(struct forge *forge, int fd);

/*
 * The leaf for this server and name, counted; the request is sent when it is new, and says who the
 * client is. NULL when out of memory. Its state may be anything; PENDING changes in
 * forge_receive().
 */
struct forged *forge_leaf(struct forge *forge, enum certgen_kind kind, enum leaf_key key,
			  const char *host, struct der leaf, const union addr *client,
			  uint64_t now);

/* The same, if it is READY; nobody is asked. NULL: it is not. */
struct forged *forge_find(struct forge *forge, enum certgen_kind kind, enum leaf_key key,
			  const char *host, struct der leaf, uint64_t now);

enum forged_state forged_state(const struct forged *forged);
/* When REFUSED or FAILED; borrowed; "" when certgen did not say. */
const char *forged_why(const struct forged *forged);
/* When READY; borrowed. */
struct leaf *forged_leaf(const struct forged *forged);
void forged_unref(struct forged *forged);

/* Puts the connection among those to be run when the state changes; and takes it out again. */
void forged_wait(struct forged *forged, struct conn *conn);
void forged_unwait(struct forged *forged, struct conn *conn);

/*
 * Reads what certgen has answered; connections that waited become ready (worker_ready()). When
 * certgen is gone, all that is pending becomes DOWN and sock is closed.
 */
void forge_receive(struct forge *forge);

#endif
