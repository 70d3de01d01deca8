/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_KEEPER_H
#define POSTERN_LEARN_KEEPER_H

#include "learn/listener.h"
#include "learn/store.h"
#include "learn/table.h"

/* The thread between the table and its store. */
struct keeper;

/*
 * Takes the store over, also on failure. Returns when the store was loaded, or could not be; if it
 * takes longer than that, the rest comes while the engine works. 0 or -errno.
 */
int keeper_start(struct table *table, struct store *store, uint64_t write_every,
		 const struct learned_listener *listener, struct keeper **ret_keeper);
/* Writes what is left, if the store takes it. NULL is fine. */
bool keeper_stop(struct keeper *keeper);
bool keeper_is_stored(struct keeper *keeper);

#endif
