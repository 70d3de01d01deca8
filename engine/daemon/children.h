/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_CHILDREN_H
#define POSTERN_DAEMON_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/parent.h"

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

/* `lines` are its ends of the lines to certgen, one per worker. 0 or -errno. */
int child_start_engine(const struct parent *parent, const int *lines, struct child *ret_engine);

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
