/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/revocation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
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

void revocation_init(struct revocation *revocation, int fd)
{
	*revocation =
		(struct revocation){ .sock = { .fd = fd, .readable = true, .writable = true } };
}

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
	sock_close(&revocation->sock);
}

/* --- questions --- */

static bool send_order(struct conn *c, const struct ocsp_question *question, uint64_t number)
{
	const struct config *config = config_of(c);
	struct revocation_order order = {
		.number = number,
		.mark = config->mark_upstream,
		.timeout_s = (uint32_t)((config->timeouts.ocsp + 999) / 1000),
		.n_url = (uint32_t)strlen(question->url),
		.n_body = (uint32_t)question->n,
		.may_be_private = config->upstream.ocsp_private,
	};
	uint8_t message[REVOCATION_MESSAGE_MAX];
	size_t n = sizeof(order);

	memcpy(message, &order, n);
	memcpy(message + n, question->url, order.n_url);
	n += order.n_url;
	memcpy(message + n, question->request, question->n);
	n += question->n;
	c->worker->revocation.sock.writable = true; /* full is not for long */
	return c->worker->revocation.sock.fd >= 0 &&
	       sock_send(&c->worker->revocation.sock, message, n) == (ssize_t)n;
}

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
	inquiry->number = ++revocation->last;
	inquiry->status = OCSP_UNKNOWN;
	inquiry->until = now + REVOCATION_AGAIN_MS;
	HASH_ADD(hh, revocation->all, key, sizeof(inquiry->key), inquiry);
	if (!inquiry->hh.tbl) { /* uthash could not grow */
		free(inquiry);
		return NULL;
	}
	if (send_order(c, question, inquiry->number)) {
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

static void settle_number(struct worker *worker, uint64_t number, const uint8_t *bytes, size_t n)
{
	for (struct inquiry *inquiry = worker->revocation.all; inquiry; inquiry = inquiry->hh.next)
		if (inquiry->number == number && inquiry->judgement) {
			settle(inquiry, bytes, n, worker->loop.now);
			return;
		}
}

/* Nobody will answer any more. */
static void lose(struct worker *worker)
{
	log_error(
		"the fetcher is gone: authorities are not asked until the engine is started again");
	sock_close(&worker->revocation.sock);
	for (struct inquiry *inquiry = worker->revocation.all; inquiry; inquiry = inquiry->hh.next)
		if (inquiry->judgement)
			settle(inquiry, NULL, 0, worker->loop.now);
}

void revocation_receive(struct worker *worker)
{
	static const size_t header = sizeof(uint64_t);
	uint8_t message[sizeof(uint64_t) + OCSP_ANSWER_MAX];
	uint64_t number;
	ssize_t n;

	worker->revocation.sock.readable = true;
	while ((n = sock_recv(&worker->revocation.sock, message, sizeof(message))) >=
	       (ssize_t)header) {
		memcpy(&number, message, header);
		settle_number(worker, number, message + header, (size_t)n - header);
	}
	if (n != -EAGAIN)
		lose(worker);
	worker_wake_waiting(worker);
}
