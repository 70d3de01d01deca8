/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_JUDGE_H
#define POSTERN_TLS_JUDGE_H

#include <stdbool.h>

#include "tls/verify.h"

/*
 * Chains of servers, judged and read, and remembered for a while: most connections go to servers
 * that were seen a moment ago, and to read and verify a chain costs as much as a handshake. What is
 * remembered is bound to every byte of the chain, to the name (or address) and to the trust, in
 * which the lists of the revoked are. That the server holds the leaf's key is never remembered:
 * each handshake proves it. One thread.
 */
struct judge;

/* Counted by those who hold it. */
struct judgement {
	unsigned n_refs;
	enum verify_result verdict;
	uint64_t until; /* ms, monotonic, that it may be remembered; 0: not at all */
	char detail[VERIFY_DETAIL_SIZE]; /* as of verify_chain() */
	struct der der;                  /* the leaf; owned */
	struct der issuer;               /* whose key signed it, when it verifies; owned */
	struct ocsp_question *question;  /* once it was wanted; owned */
	char *issuer_url;                /* of what is missing in the chain; owned; NULL: nothing */
	bool is_read;                    /* it was; the rest is zero otherwise */
	struct certificate leaf;
};

enum {
	JUDGE_MAX = 512,        /* judgements; the one that was not used for longest makes room */
	JUDGE_LIFE_MS = 300000, /* of one that is good; never beyond a certificate's own life */
	JUDGE_LIFE_BAD_MS = 10000, /* of any other */
};

/* NULL: no memory. */
struct judge *judge_new(void);
void judge_free(struct judge *judge);

/* As verify_chain(), at `now` (ms, monotonic); counted. NULL: no memory. */
struct judgement *judge_chain(struct judge *judge, struct trust *trust, const struct der *chain,
			      unsigned n, const struct verify_subject *subject, uint64_t now);
/* What its issuer is to be asked; made once. NULL: there is no issuer, or it cannot be made. */
const struct ocsp_question *judgement_question(struct judgement *judgement);
void judgement_unref(struct judgement *judgement);

#endif
