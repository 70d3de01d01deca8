/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/issuers.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "conn/learning.h"
#include "conn/worker.h"
#include "tls/aia.h"

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

struct missing {
	UT_hash_handle hh; /* also links them in the order they were asked for */
	uint64_t number;   /* of the order; 0: answered */
	uint64_t until;    /* ms, that it is remembered */
	size_t n;
	uint8_t *row; /* as of aia_pack(); NULL: nothing was found */
	char url[AIA_URL_SIZE];
};

static void forget(struct issuers *issuers, struct missing *missing)
{
	HASH_DEL(issuers->all, missing);
	free(missing->row);
	free(missing);
}

void issuers_deinit(struct issuers *issuers)
{
	while (issuers->all)
		forget(issuers, issuers->all);
}

/* NULL: no memory. What cannot be asked for is not there for a while. */
static struct missing *ask(struct conn *c, const char *url)
{
	struct issuers *issuers = &c->worker->issuers;
	struct missing *missing = calloc(1, sizeof(*missing));

	if (!missing)
		return NULL;
	if (HASH_COUNT(issuers->all) >= ISSUERS_MAX)
		forget(issuers, issuers->all);
	strncpy(missing->url, url, sizeof(missing->url) - 1);
	missing->until = c->worker->loop.now + ISSUERS_AGAIN_MS;
	HASH_ADD(hh, issuers->all, url, strlen(missing->url), missing);
	if (!missing->hh.tbl) { /* uthash could not grow */
		free(missing);
		return NULL;
	}
	missing->number = fetch_send(c, missing->url, NULL, 0);
	return missing;
}

static struct missing *find(struct conn *c, const char *url)
{
	struct issuers *issuers = &c->worker->issuers;
	struct missing *missing;

	HASH_FIND(hh, issuers->all, url, strlen(url), missing);
	if (missing && c->worker->loop.now >= missing->until) {
		forget(issuers, missing);
		missing = NULL;
	}
	return missing ? missing : ask(c, url);
}

static unsigned append(const struct missing *missing, struct der *chain, unsigned n)
{
	struct der found[AIA_CERTIFICATES_MAX];
	unsigned n_found =
		aia_unpack((struct der){ .bytes = missing->row, .n = missing->n }, found);

	for (unsigned i = 0; i < n_found && n < VERIFY_CHAIN_MAX; i++)
		chain[n++] = found[i];
	return n;
}

bool issuers_are_awaited(struct conn *c, struct der *chain, unsigned n)
{
	for (unsigned depth = 0; depth < ISSUERS_DEPTH; depth++) {
		struct missing *missing;

		if (!config_of(c)->upstream.aia || !c->judgement || !c->judgement->issuer_url)
			return false;
		missing = find(c, c->judgement->issuer_url);
		if (missing && missing->number > 0) {
			worker_set_waiting(c, true);
			return true;
		}
		if (!missing || !missing->row)
			return false;
		n = append(missing, chain, n);
		learning_judge(c, chain, n);
	}
	return false;
}

bool issuers_settle(struct worker *worker, uint64_t number, const uint8_t *bytes, size_t n)
{
	struct missing *missing = worker->issuers.all;

	while (missing && missing->number != number)
		missing = missing->hh.next;
	if (!missing)
		return false;
	missing->number = 0;
	if (n > 0 && n <= AIA_SIZE_MAX && (missing->row = malloc(n))) {
		memcpy(missing->row, bytes, n);
		missing->n = n;
		missing->until = worker->loop.now + ISSUERS_LIFE_MS;
	}
	return true;
}

void issuers_lose(struct worker *worker)
{
	for (struct missing *at = worker->issuers.all; at; at = at->hh.next)
		at->number = 0;
}
