/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_EVENTS_H
#define POSTERN_TAP_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/event.h"
#include "tap/line.h"

/*
 * Events, on their way to every output. Whoever has one puts it into a queue of bounded size and
 * goes on: that is all that a worker ever does. Each output has a thread of its own that reads the
 * queue at its own pace (output.h), so one whose collector is slow, dead or not there delays
 * nobody. What it has not read when the queue is full is lost to it, counted, said once on standard
 * error, and told in an event of its own when the collector takes events again.
 */
struct events;

enum { EVENTS_ERROR_SIZE = 1024 }; /* as that of struct config_error */

/* A queue of that many bytes, and no outputs. 0 or -errno. */
int events_new(size_t queue, struct events **ret_events);

/*
 * Delivers what is queued, for a second at most, and ends. An output that hangs in the kernel even
 * then keeps its memory; its thread ends with the process.
 */
void events_free(struct events *events);

/*
 * These are the outputs from now on; those that were there before and are the same go on, the
 * others deliver what is queued and end. 0; or -errno with one line in ret_error when a file cannot
 * be opened, and nothing has changed. A collector that is not there is no failure.
 */
int events_configure(struct events *events, const struct output_options *outputs, unsigned n,
		     char ret_error[EVENTS_ERROR_SIZE]);

/*
 * Opens files again by their names, after a rotation. Where that fails the old one goes on being
 * used; it is said on standard error.
 */
void events_reopen(struct events *events);

/* Whether any output takes events of this kind: the others need not even be made. */
bool events_are_wanted(struct events *events, enum event_type type);

/* One JSON object, without a newline. Any thread. NULL: it could not be made; it is counted. */
void events_put(struct events *events, enum event_type type, const char *text, size_t n);

/* Ends the line and puts it. */
void events_put_line(struct events *events, enum event_type type, struct line *line);

/* Counters since the start. */
struct events_count {
	const char *name; /* "file /var/log/postern/events.json"; borrowed */
	uint64_t delivered, lost;
};

/* The first `n` outputs: how many were filled in. The names last until events_configure(). */
unsigned events_count(struct events *events, struct events_count *ret_counts, unsigned n);
/*
 * Whether half of the queue waits for an output that is to lose none; until it is no more than a
 * quarter. What brings more events about should wait.
 */
bool events_are_behind(const struct events *events);
/* Events that no output could get: there was no memory for them, or they were too long. */
uint64_t events_unmade(struct events *events);

#endif
