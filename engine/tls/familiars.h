/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_FAMILIARS_H
#define POSTERN_TLS_FAMILIARS_H

#include "tls/judge.h"
#include "tls/resumptions.h"
#include "tls/session.h"

/*
 * Servers as they were when a client was last intercepted on its way to them: all that the client's
 * own handshake depends on, so that another client may be greeted before its server has answered.
 * None is remembered for longer than the judgement on its chain. One thread.
 */
struct familiars;
struct familiar; /* counted by the connections that go by it */

enum {
	FAMILIARS_MAX = 512, /* places; the one that was not used for longest makes room */
	FAMILIARS_BAR_MS =
		600000, /* that a place is no familiar one after it was not as expected */
};

/* NULL: no memory. */
struct familiars *familiars_new(void);
void familiars_free(struct familiars *familiars);

/*
 * The key is resumptions_key()'s, for any client. Takes the place of what was remembered of the
 * server; but one that is barred stays so. `now` as everywhere here: ms, monotonic.
 */
void familiars_keep(struct familiars *familiars, const uint8_t key[RESUMPTIONS_KEY],
		    const struct session_facts *facts, struct judgement *judgement, uint64_t now);
/* It was not as expected. */
void familiars_bar(struct familiars *familiars, const uint8_t key[RESUMPTIONS_KEY], uint64_t now);
/* Counted. NULL: there is none, or not any more. */
struct familiar *familiars_find(struct familiars *familiars, const uint8_t key[RESUMPTIONS_KEY],
				uint64_t now);

/* What the server chose; borrowed. */
struct session_facts familiar_facts(const struct familiar *familiar);
/* On the chain that it showed; borrowed. */
struct judgement *familiar_judgement(const struct familiar *familiar);
/* What is not as it was with a server that chose and showed these; NULL: nothing. */
const char *familiar_difference(const struct familiar *familiar, const struct session_facts *facts,
				const struct judgement *judgement);
void familiar_unref(struct familiar *familiar);

#endif
