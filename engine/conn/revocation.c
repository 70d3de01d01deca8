/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/revocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "conn/worker.h"
#include "tls/ocsp.h"

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

struct inquiry {
	UT_hash_handle hh; /* also links them in the order they were asked */
	uint8_t key[32];
	uint64_t number;             /* of the order */
	struct judgement *judgement; /* whom it is about; counted; NULL: answered */
	enum ocsp_status status;
	uint64_t until; /* ms, for which the status holds, or an answer may come */
};

static void forget(struct revocation *revocation, struct inquiry *inquiry)
{
	HASH_DEL(revocation->all, inquiry);
	judgement_unref(inquiry->judgement);
	free(inquiry);
}

void revocation_deinit(struct revocation *revocation)
{
	while (revocation->all)
		forget(revocation, revocation->all);
}

/* --- questions --- */

/* NULL: no memory. What nobody can be asked about is unknown for a while. */
static struct inquiry *ask(struct conn *c, const struct ocsp_question *question)
{
	struct revocation *revocation = &c->worker->revocation;
	uint64_t now = c->worker->loop.now;
	struct inquiry *inquiry = calloc(1, sizeof(*inquiry));

	if (!inquiry)
		return NULL;
	if (HASH_COUNT(revocation->all) >= REVOCATION_MAX)
		forget(revocation, revocation->all);
	memcpy(inquiry->key, question->key, sizeof(inquiry->key));
	inquiry->status = OCSP_UNKNOWN;
	inquiry->until = now + REVOCATION_AGAIN_MS;
	HASH_ADD(hh, revocation->all, key, sizeof(inquiry->key), inquiry);
	if (!inquiry->hh.tbl) { /* uthash could not grow */
		free(inquiry);
		return NULL;
	}
	inquiry->number = fetch_send(c, question->url, question->request, question->n);
	if (inquiry->number > 0) {
		inquiry->judgement = c->judgement;
		inquiry->judgement->n_refs++;
	}
	return inquiry;
}

static struct inquiry *find(struct conn *c, const struct ocsp_question *question)
{
	struct revocation *revocation = &c->worker->revocation;
	struct inquiry *inquiry;

	HASH_FIND(hh, revocation->all, question->key, sizeof(question->key), inquiry);
	if (inquiry && c->worker->loop.now >= inquiry->until) {
		forget(revocation, inquiry);
		inquiry = NULL;
	}
	return inquiry ? inquiry : ask(c, question);
}

/* --- what follows --- */

static void set_verdict(struct conn *c, enum verify_result verdict, const char *detail)
{
	c->chain_verdict = verdict;
	snprintf(c->detail, sizeof(c->detail), "OCSP: %s", detail);
}

static void set_unknown(struct conn *c, bool must_be_answered, const char *detail)
{
	const struct config *config = config_of(c);

	if (config->upstream.revocation_unknown != ACTION_INTERCEPT &&
	    (must_be_answered || config->upstream.ocsp == OCSP_HARD))
		set_verdict(c, VERIFY_REVOCATION_UNKNOWN, detail);
}

bool revocation_is_awaited(struct conn *c)
{
	const struct ocsp_question *question;
	struct inquiry *inquiry;

	if (config_of(c)->upstream.ocsp == OCSP_OFF || c->judgement->issuer.n == 0)
		return false;
	question = judgement_question(c->judgement);
	if (!question) {
		set_unknown(c, true, "no question can be made");
		return false;
	}
	if (question->url[0] == '\0') {
		if (question->must_be_answered)
			set_unknown(c, true, "nobody to ask, and the certificate wants it");
		return false;
	}
	inquiry = find(c, question);
	if (inquiry && inquiry->judgement) {
		worker_set_waiting(c, true);
		return true;
	}
	if (!inquiry || inquiry->status == OCSP_UNKNOWN)
		set_unknown(c, question->must_be_answered, "no sound answer");
	else if (inquiry->status == OCSP_REVOKED)
		set_verdict(c, VERIFY_REVOKED, "revoked");
	return false;
}

/* --- answers --- */

static void settle(struct inquiry *inquiry, const uint8_t *bytes, size_t n, uint64_t now)
{
	struct der answer = { .bytes = bytes, .n = n };
	unsigned life = 0;

	inquiry->status =
		ocsp_read(answer, inquiry->judgement->der, inquiry->judgement->issuer, &life);
	if (inquiry->status != OCSP_UNKNOWN)
		inquiry->until = now + 1000ULL * life;
	judgement_unref(inquiry->judgement);
	inquiry->judgement = NULL;
}

bool revocation_settle(struct worker *worker, uint64_t number, const uint8_t *bytes, size_t n)
{
	for (struct inquiry *inquiry = worker->revocation.all; inquiry; inquiry = inquiry->hh.next)
		if (inquiry->number == number && inquiry->judgement) {
			settle(inquiry, bytes, n, worker->loop.now);
			return true;
		}
	return false;
}

void revocation_lose(struct worker *worker)
{
	for (struct inquiry *inquiry = worker->revocation.all; inquiry; inquiry = inquiry->hh.next)
		if (inquiry->judgement)
			settle(inquiry, NULL, 0, worker->loop.now);
}
