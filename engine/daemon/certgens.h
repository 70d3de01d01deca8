/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_CERTGENS_H
#define POSTERN_DAEMON_CERTGENS_H

#include "daemon/children.h"

/*
 * The process that holds the CA's key. When the CA or what is about it changes, another one is
 * started beside it; the engine is given that one as soon as it is ready, and the one before ends
 * when the engine has left it. A CA that cannot be loaded costs nothing: the one in charge goes on.
 */
struct certgens {
	struct child current;
	struct child next; /* in charge once it is ready */
	int next_lines[LISTENERS_WORKERS];
	unsigned n_next_lines;
	uint64_t origin; /* what the current one, or the next, started with */
};

#define CERTGENS_NONE ((struct certgens){ .current = CHILD_NONE, .next = CHILD_NONE })

/*
 * For an engine that is about to start: *ret_lines are its lines, one per worker, the caller's to
 * close. 0 or -errno.
 */
int certgens_start(struct certgens *certgens, const struct parent *parent, int *ret_lines);

/* For an engine that runs: at once, in the place of one that died. 0 or -errno. */
int certgens_restart(struct certgens *certgens, const struct parent *parent,
		     const struct child *engine);

/* After a reload: prepares another one, if what it starts with has changed. */
void certgens_reload(struct certgens *certgens, const struct parent *parent);

/* Puts the next one in charge, if it is ready. */
void certgens_settle(struct certgens *certgens, const struct parent *parent,
		     const struct child *engine);

/* Whether that process was one of these; then it is noted, and said, that it has ended. */
bool certgens_ended(struct certgens *certgens, pid_t pid, int status);

/* The engine has ended, and so does what was its. */
void certgens_leave(struct certgens *certgens);

/* Ends them; one that does not is killed after `ms`. */
void certgens_stop(struct certgens *certgens, unsigned ms);

#endif
