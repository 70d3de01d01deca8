/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_CHILDREN_H
#define POSTERN_DAEMON_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/metrics.h"
#include "base/status.h"
#include "daemon/audit.h"
#include "daemon/listeners.h"
#include "policy/config.h"

/*
 * The processes below the supervisor: engine, certgen and gate. Each has what it is given here and
 * no other descriptor. It ends when the supervisor does, which it notices by its end of `control`;
 * certgen, when the engine that it belongs to does.
 */
struct child {
	pid_t pid;        /* 0: not running */
	int control;      /* the supervisor's end; -1: none */
	uint64_t started; /* ms */
	uint64_t due;     /* ms, when it may be started again */
	bool is_restarted;
	bool is_told; /* to end */
};

#define CHILD_NONE ((struct child){ .control = -1 })

/* What all of them are made from. */
struct parent {
	struct config *config; /* owned by the supervisor; a child has its own copy */
	const char *path;      /* of the configuration */
	struct status *status;
	struct metrics *metrics;
	struct listeners listeners;
	struct audit audit;
	int line[2]; /* between engine and gate; both ends stay open here: each may be replaced */
};

/* Both with the lines between them. 0 or -errno. */
int child_start_engine(const struct parent *parent, struct child *ret_engine,
		       struct child *ret_certgen);
/* Another one for an engine that runs: at once, in the place of one that died. */
int child_start_certgen(const struct parent *parent, const struct child *engine,
			struct child *ret_certgen);
/*
 * Another one beside the one that runs, for another CA: it is given to the engine when it is ready,
 * and the one before ends when the engine has left it. *ret_lines are its lines, one per worker.
 */
int child_prepare_certgen(const struct parent *parent, struct child *ret_certgen, int *ret_lines);
bool child_is_ready(const struct child *certgen);
int child_give_certgen(const struct parent *parent, const struct child *engine, const int *lines);
/* Of what certgen starts with: the configuration of it, and its files. */
uint64_t child_certgen_origin(const struct config *config);
int child_start_gate(const struct parent *parent, struct child *ret_gate);

/* It was started; keeps what is known of the one before. */
void child_born(struct child *ret_child, pid_t pid, int control);

/* In a child: closes all others, but the standard ones. Sorts the list. */
void child_keep_only(int *fds, unsigned n);

/* After its end: says how it came about, unless it was asked for; sets when the next one is due. */
void child_ended(struct child *child, const char *name, int status);
void child_signal(struct child *child, int signal);
/* Waits for its end, `ms` at most, then kills it. Its exit code; 1 when a signal ended it. */
int child_await(struct child *child, const char *name, unsigned ms);

#endif
