/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_RESUMPTIONS_H
#define POSTERN_TLS_RESUMPTIONS_H

#include "tls/hello.h"
#include "tls/judge.h"
#include "tls/resumption.h"

/*
 * The sessions with servers that can be resumed, each with the judgement on the chain that the
 * server sent when it began: it sends none when it resumes, and no session is resumed for longer
 * than that judgement holds. One thread.
 */
struct resumptions;

enum {
	RESUMPTIONS_MAX = 512,    /* places; the one that was not used for longest makes room */
	RESUMPTIONS_OF_PLACE = 4, /* browsers open several connections at once */
	RESUMPTIONS_KEY = 32,
};

/* What has to be the same: nobody resumes what began for another client. */
struct resumptions_place {
	const union addr *client; /* its port does not count; NULL: whoever it is */
	const union addr *server;
	const struct hello *hello; /* its name, and all that is offered to the server */
	bool is_http1;             /* of its protocols that alone is offered */
	uint64_t generation;       /* of policy and trust */
};

/* NULL: no memory. */
struct resumptions *resumptions_new(void);
void resumptions_free(struct resumptions *resumptions);

/* False: the digest failed. */
bool resumptions_key(const struct resumptions_place *place, uint8_t ret_key[RESUMPTIONS_KEY]);

/* Takes `resumption` over, and counts the judgement if it keeps it. `now` in ms, monotonic. */
void resumptions_keep(struct resumptions *resumptions, const uint8_t key[RESUMPTIONS_KEY],
		      struct resumption *resumption, struct judgement *judgement, uint64_t now);

/* The newest, which is the caller's now, and its judgement, counted. NULL: there is none. */
struct resumption *resumptions_take(struct resumptions *resumptions,
				    const uint8_t key[RESUMPTIONS_KEY], uint64_t now,
				    struct judgement **ret_judgement);

#endif
