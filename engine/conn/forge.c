/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An entry lives while it is in the table or somebody holds it. Its key is everything the leaf
 * depends on: kind, key, name and the server's own certificate. Answers are matched by the id of
 * the request; one that nobody waits for any more is simply kept for the next connection. While an
 * answer is outstanding its entry stays in the table.
 */
#include "conn/forge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "conn/conn.h"
#include "conn/report.h"
#include "conn/worker.h"

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

#define owner_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

enum {
	KEPT_MAX = 4096,
	/* certgen's own cache decides when a leaf is too old; here it is only spared some work. */
	KEPT_MS = 10 * 60 * 1000,
};

struct forged_key {
	uint8_t digest[32]; /* of the server's certificate */
	uint8_t kind;
	uint8_t key;
	char host[HELLO_HOST_MAX];
};

struct forged {
	UT_hash_handle hh;
	struct forged_key key;
	unsigned n_refs;
	uint32_t id;
	uint64_t asked; /* ms */
	uint64_t sent;  /* us, the question; 0: it could not be */
	enum forged_state state;
	struct leaf *leaf;
	char why[CERTGEN_WHY_MAX];
	struct conn *waiting;
	struct forged *next_pending;
};

void forge_init(struct forge *forge, const struct leaf_keys *keys, struct metrics_block *metrics)
{
	memset(forge, 0, sizeof(*forge));
	forge->sock = SOCK_NONE;
	forge->keys = keys;
	forge->metrics = metrics;
}

void forged_unref(struct forged *forged)
{
	if (!forged || --forged->n_refs > 0)
		return;
	leaf_free(forged->leaf);
	free(forged);
}

static void drop(struct forge *forge, struct forged *forged)
{
	HASH_DEL(forge->entries, forged);
	forged_unref(forged);
}

void forge_deinit(struct forge *forge)
{
	while (forge->entries)
		drop(forge, forge->entries);
	sock_close(&forge->sock);
}

/* --- states, and who waits for them --- */

enum forged_state forged_state(const struct forged *forged)
{
	return forged->state;
}

const char *forged_why(const struct forged *forged)
{
	return forged->why;
}

struct leaf *forged_leaf(const struct forged *forged)
{
	return forged->leaf;
}

void forged_wait(struct forged *forged, struct conn *conn)
{
	if (conn->is_waiting)
		return;
	conn->is_waiting = true;
	conn->next_waiting = forged->waiting;
	forged->waiting = conn;
}

void forged_unwait(struct forged *forged, struct conn *conn)
{
	struct conn **at = &forged->waiting;

	if (!conn->is_waiting)
		return;
	while (*at != conn)
		at = &(*at)->next_waiting;
	*at = conn->next_waiting;
	conn->is_waiting = false;
}

static void pending_remove(struct forge *forge, const struct forged *forged)
{
	struct forged **at = &forge->pending;

	while (*at && *at != forged)
		at = &(*at)->next_pending;
	if (*at)
		*at = forged->next_pending;
}

static void count(struct forge *forge, const struct forged *forged, enum forged_state state)
{
	static const enum metrics_which results[] = {
		[FORGED_READY] = METRICS_CERTGEN_OK,
		[FORGED_REFUSED] = METRICS_CERTGEN_REFUSED,
		[FORGED_FAILED] = METRICS_CERTGEN_FAILED,
		[FORGED_DOWN] = METRICS_CERTGEN_LOST,
	};

	metrics_add(&forge->metrics->counts[results[state]], 1);
	if (forged->sent > 0 && state != FORGED_DOWN)
		metrics_time(forge->metrics, METRICS_CERTGEN, clock_us() - forged->sent);
}

/* What failed is not kept: the next connection asks again. */
static void settle(struct forge *forge, struct forged *forged, enum forged_state state)
{
	struct conn *next;

	pending_remove(forge, forged);
	count(forge, forged, state);
	forged->state = state;
	for (struct conn *conn = forged->waiting; conn; conn = next) {
		next = conn->next_waiting;
		conn->is_waiting = false;
		worker_ready(conn);
	}
	forged->waiting = NULL;
	if (state != FORGED_READY)
		drop(forge, forged);
}

/* --- asking and being answered --- */

static enum forged_state ask(struct forge *forge, struct forged *forged, struct der leaf,
			     const union addr *client)
{
	struct certgen_request request = {
		.id = forged->id,
		.kind = forged->key.kind,
		.key = forged->key.key == LEAF_KEY_EC ? CERTGEN_KEY_EC : CERTGEN_KEY_RSA,
		.client = *client,
		.leaf = leaf.bytes,
		.leaf_length = leaf.n,
	};
	int r;

	if (forge->sock.fd < 0)
		return FORGED_DOWN;
	memcpy(request.host, forged->key.host, sizeof(request.host));
	r = certgen_send(forge->sock.fd, &request);
	if (r == 0) {
		forged->sent = clock_us();
		return FORGED_PENDING;
	}
	return r == -EPIPE || r == -ECONNRESET ? FORGED_DOWN : FORGED_FAILED;
}

static struct forged *find(struct forge *forge, const struct forged_key *key, uint64_t now)
{
	struct forged *forged;

	HASH_FIND(hh, forge->entries, key, sizeof(*key), forged);
	if (forged && forged->state == FORGED_READY && now - forged->asked > KEPT_MS) {
		drop(forge, forged);
		return NULL;
	}
	return forged;
}

/* The oldest goes, but none that somebody waits for. */
static bool make_room(struct forge *forge)
{
	struct forged *forged = forge->entries;

	if (HASH_COUNT(forge->entries) < KEPT_MAX)
		return true;
	while (forged && forged->state == FORGED_PENDING)
		forged = forged->hh.next;
	if (forged)
		drop(forge, forged);
	return forged != NULL;
}

static struct forged *add(struct forge *forge, const struct forged_key *key, uint64_t now)
{
	struct forged *forged = make_room(forge) ? calloc(1, sizeof(*forged)) : NULL;
	struct forged *found;

	if (!forged)
		return NULL;
	forged->key = *key;
	forged->n_refs = 1; /* the table's */
	forged->asked = now;
	forged->id = ++forge->last_id;
	HASH_ADD(hh, forge->entries, key, sizeof(*key), forged);
	HASH_FIND(hh, forge->entries, key, sizeof(*key), found);
	if (found)
		return forged;
	free(forged); /* uthash could not grow */
	return NULL;
}

static void make_key(enum certgen_kind kind, enum leaf_key key, const char *host, struct der leaf,
		     struct forged_key *ret_key)
{
	memset(ret_key, 0, sizeof(*ret_key)); /* the hash covers the padding */
	ret_key->kind = (uint8_t)kind;
	ret_key->key = (uint8_t)key;
	strncpy(ret_key->host, host, sizeof(ret_key->host) - 1);
	certificate_digest(leaf, ret_key->digest);
}

struct forged *forge_find(struct forge *forge, enum certgen_kind kind, enum leaf_key key,
			  const char *host, struct der leaf, uint64_t now)
{
	struct forged_key wanted;
	struct forged *forged;

	make_key(kind, key, host, leaf, &wanted);
	forged = find(forge, &wanted, now);
	if (!forged || forged->state != FORGED_READY)
		return NULL;
	metrics_add(&forge->metrics->counts[METRICS_LEAF_CACHED], 1);
	forged->n_refs++;
	return forged;
}

struct forged *forge_leaf(struct forge *forge, enum certgen_kind kind, enum leaf_key key,
			  const char *host, struct der leaf, const union addr *client, uint64_t now)
{
	struct forged_key wanted;
	struct forged *forged;
	enum forged_state state;

	make_key(kind, key, host, leaf, &wanted);
	forged = find(forge, &wanted, now);
	if (forged) {
		metrics_add(&forge->metrics->counts[METRICS_LEAF_CACHED], 1);
		forged->n_refs++;
		return forged;
	}
	forged = add(forge, &wanted, now);
	if (!forged)
		return NULL;
	forged->n_refs++;
	state = ask(forge, forged, leaf, client);
	if (state != FORGED_PENDING) {
		settle(forge, forged, state);
	} else {
		forged->next_pending = forge->pending;
		forge->pending = forged;
	}
	return forged;
}

/* The event of it; the leaf goes first in the chain, behind three bytes of length. */
static void tell(struct forge *forge, const struct forged *forged,
		 const struct certgen_answer *answer)
{
	const uint8_t *chain = answer->chain;
	struct report_issue issue = {
		.host = forged->key.host,
		.server_digest = forged->key.digest,
		.unrecorded = answer->why,
		.is_trusted = forged->key.kind == CERTGEN_TRUSTED,
	};

	if (!forged->leaf)
		return;
	issue.leaf = (struct der){ .bytes = chain + 3,
				   .n = (size_t)chain[0] << 16 | chain[1] << 8 | chain[2] };
	report_issued(owner_of(forge, struct worker, forge), forged->waiting, &issue);
}

static void answer(struct forge *forge, const struct certgen_answer *answer)
{
	struct forged *forged = forge->pending;

	while (forged && forged->id != answer->id)
		forged = forged->next_pending;
	if (!forged)
		return;
	memcpy(forged->why, answer->why, sizeof(forged->why));
	switch (answer->status) {
	case CERTGEN_OK:
		forge->n_unrecorded += answer->why[0] != '\0';
		forged->leaf =
			leaf_new(forge->keys, forged->key.key, answer->chain, answer->chain_length);
		tell(forge, forged, answer);
		settle(forge, forged, forged->leaf ? FORGED_READY : FORGED_FAILED);
		break;
	case CERTGEN_REFUSED:
		settle(forge, forged, FORGED_REFUSED);
		break;
	case CERTGEN_NO_CA:
	case CERTGEN_FAILED:
		settle(forge, forged, FORGED_FAILED);
		break;
	}
}

static void lose(struct forge *forge)
{
	sock_close(&forge->sock);
	while (forge->pending)
		settle(forge, forge->pending, FORGED_DOWN);
}

/* Signed, maybe, by a CA that is no more. */
static void drop_ready(struct forge *forge)
{
	struct forged *forged, *next;

	HASH_ITER(hh, forge->entries, forged, next)
	{
		if (forged->state == FORGED_READY)
			drop(forge, forged);
	}
}

/* The first one that waits has the server's certificate. */
static void ask_again(struct forge *forge)
{
	struct forged *next;

	for (struct forged *forged = forge->pending; forged; forged = next) {
		const struct conn *conn = forged->waiting;
		enum forged_state state = FORGED_DOWN;

		next = forged->next_pending;
		if (conn && conn->judgement)
			state = ask(forge, forged, conn->judgement->der, &conn->client_addr);
		if (state != FORGED_PENDING)
			settle(forge, forged, state);
	}
}

int forge_connect(struct forge *forge, int fd)
{
	struct der ec = leaf_keys_public(forge->keys, LEAF_KEY_EC);
	struct der rsa = leaf_keys_public(forge->keys, LEAF_KEY_RSA);
	int r;

	sock_close(&forge->sock);
	forge->sock.fd = fd;
	drop_ready(forge);
	r = certgen_send_keys(fd, ec.bytes, ec.n, rsa.bytes, rsa.n);
	ask_again(forge);
	return r;
}

void forge_receive(struct forge *forge)
{
	while (forge->sock.fd >= 0) {
		struct certgen_answer got;
		int r = certgen_receive(forge->sock.fd, forge->answer, sizeof(forge->answer), &got);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			/* The supervisor, who saw it die, has said so. */
			log_debug("certgen is gone: %s", strerror(-r));
			lose(forge);
			return;
		}
		answer(forge, &got);
	}
}
