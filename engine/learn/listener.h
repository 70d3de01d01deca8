/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_LISTENER_H
#define POSTERN_LEARN_LISTENER_H

#include "learn/entry.h"

/*
 * Who hears what the operator decides while it runs, by another process or on another box, from
 * the thread of the store. What the store had at the start is no news.
 */
struct learned_listener {
	/* `entry`: approved or forbidden now; or forgotten, as it was until then. NULL: nobody. */
	void (*decided)(void *context, const struct entry *entry, bool is_forgotten);
	void *context;
};

#endif
