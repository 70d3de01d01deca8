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

enum { JUDGE_PATH_MAX = 8 }; /* certificates of a path, of which authorities can be asked */

/* Counted by those who hold it. */
struct judgement {
	unsigned n_refs;
	enum verify_result verdict;
	uint64_t until; /* ms, monotonic, that it may be remembered; 0: not at all */
	char detail[VERIFY_DETAIL_SIZE]; /* as of verify_chain() */
	struct der der;                  /* the leaf; owned */
	char *issuer_url;                /* of what is missing in the chain; owned; NULL: nothing */
	/* When it verifies: the leaf, then whose key signed it, up to the anchor; owned, but for
	 * the first. */
	struct der path[JUDGE_PATH_MAX];
	unsigned n_path;
	bool is_path_cut;                                /* there are more */
	struct ocsp_question *questions[JUDGE_PATH_MAX]; /* once they were wanted; owned */
	bool is_read;                                    /* it was; the rest is zero otherwise */
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
/*
 * What the issuer of a certificate of the path is to be asked, for all but the last of it; made
 * once. NULL: it cannot be made.
 */
const struct ocsp_question *judgement_question(struct judgement *judgement, unsigned certificate);
void judgement_unref(struct judgement *judgement);

#endif
