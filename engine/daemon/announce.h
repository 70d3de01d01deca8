/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_ANNOUNCE_H
#define POSTERN_DAEMON_ANNOUNCE_H

#include "conn/worker.h"

/* The events about the engine itself, made by its main thread. */
struct announcer {
	struct engine *engine;
	const struct worker *workers;
	unsigned n_workers;
	struct line line;
	uint64_t started, counted; /* us: the engine; the last statistics */
	enum status_door door;     /* as it was last announced */
	enum status_why why;
};

void announcer_init(struct announcer *announcer, struct engine *engine,
		    const struct worker *workers, unsigned n_workers);
void announcer_deinit(struct announcer *announcer);

/* Looks whether the gate has opened, closed or armed the door since it was last asked. */
void announce_mode(struct announcer *announcer);

/* The configuration was read anew; `error`: why not, or NULL. */
void announce_reload(struct announcer *announcer, const char *error);

/*
 * What the operator decided about a server, by `postern learned`, the page or a bundle. For any
 * thread: `context` is the struct engine.
 */
void announce_decision(void *context, const struct entry *entry, bool is_forgotten);

/* Statistics, when it is time: every `interval` ms. */
void announce_stats(struct announcer *announcer, uint64_t interval);

#endif
