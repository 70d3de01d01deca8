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
	struct judgement *judgement; /* what it is about; counted; NULL: answered */
	unsigned certificate;        /* of its path */
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
static struct inquiry *ask(struct conn *c, unsigned certificate,
			   const struct ocsp_question *question)
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
		inquiry->certificate = certificate;
	}
	return inquiry;
}

static struct inquiry *find(struct conn *c, unsigned certificate,
			    const struct ocsp_question *question)
{
	struct revocation *revocation = &c->worker->revocation;
	struct inquiry *inquiry;

	HASH_FIND(hh, revocation->all, question->key, sizeof(question->key), inquiry);
	if (inquiry && c->worker->loop.now >= inquiry->until) {
		forget(revocation, inquiry);
		inquiry = NULL;
	}
	return inquiry ? inquiry : ask(c, certificate, question);
}

/* --- what follows --- */

static void set_verdict(struct conn *c, enum verify_result verdict, const char *what,
			unsigned certificate)
{
	c->chain_verdict = verdict;
	snprintf(c->detail, sizeof(c->detail), "OCSP: %s (certificate %u of the chain)", what,
		 certificate);
}

/* Whether it has to be known; `is_wanted`: the certificate wants it itself. */
static bool is_needed(const struct conn *c, bool is_wanted)
{
	const struct config *config = config_of(c);

	return config->upstream.revocation_unknown != ACTION_INTERCEPT &&
	       (is_wanted || config->upstream.ocsp == OCSP_HARD);
}

enum standing { GOOD, AWAITED, REVOKED, UNKNOWN };

/* Of a certificate of the path, as far as it has to be known. *ret_why: it is unknown. */
static enum standing look(struct conn *c, unsigned certificate, const char **ret_why)
{
	const struct ocsp_question *question = judgement_question(c->judgement, certificate);
	/* Of an authority's certificate, it would be about those that it makes. */
	bool is_wanted = !question || (certificate == 0 && question->must_be_answered);
	struct inquiry *inquiry;

	*ret_why = "no question can be made";
	if (question && question->url[0] == '\0') {
		*ret_why = "nobody to ask, and the certificate wants it";
		/* Its issuer does not speak OCSP: that nobody can be asked is no unknown answer. */
		return is_wanted && is_needed(c, true) ? UNKNOWN : GOOD;
	}
	inquiry = question ? find(c, certificate, question) : NULL;
	if (inquiry && inquiry->judgement)
		return AWAITED;
	if (inquiry && inquiry->status != OCSP_UNKNOWN)
		return inquiry->status == OCSP_REVOKED ? REVOKED : GOOD;
	if (question)
		*ret_why = "no sound answer";
	return is_needed(c, is_wanted) ? UNKNOWN : GOOD;
}

/*
 * All are asked at once. That one is revoked is enough to know; that another is unknown is not, as
 * long as an answer is on its way.
 */
bool revocation_is_awaited(struct conn *c)
{
	const struct judgement *judgement = c->judgement;
	const char *why, *unknown = NULL;
	unsigned which = 0;
	bool is_awaited = false;

	if (config_of(c)->upstream.ocsp == OCSP_OFF)
		return false;
	for (unsigned i = 0; i + 1 < judgement->n_path; i++) {
		switch (look(c, i, &why)) {
		case GOOD:
			break;
		case AWAITED:
			is_awaited = true;
			break;
		case REVOKED:
			set_verdict(c, VERIFY_REVOKED, "revoked", i);
			return false;
		case UNKNOWN:
			unknown = why;
			which = i;
			break;
		}
	}
	if (!unknown && judgement->is_path_cut && is_needed(c, false)) {
		unknown = "too many authorities to ask";
		which = judgement->n_path - 1;
	}
	if (is_awaited)
		worker_set_waiting(c, true);
	else if (unknown)
		set_verdict(c, VERIFY_REVOCATION_UNKNOWN, unknown, which);
	return is_awaited;
}

/* --- answers --- */

static void settle(struct inquiry *inquiry, const uint8_t *bytes, size_t n, uint64_t now)
{
	const struct der *about = &inquiry->judgement->path[inquiry->certificate];
	struct der answer = { .bytes = bytes, .n = n };
	unsigned life = 0;

	inquiry->status = ocsp_read(answer, about[0], about[1], &life);
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
