/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_OUTPUT_H
#define POSTERN_TAP_OUTPUT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/event.h"
#include "tap/outgoing.h"
#include "tap/ring.h"

/*
 * One output: a thread that reads events from the queue and delivers them, in order, each whole. It
 * may wait for its collector as long as it likes. For the files of this folder only.
 */

enum {
	OUTPUT_NAME_MAX = OUTPUT_TARGET_MAX + 32,
	OUTPUT_RETRY_MS = 1000, /* between two tries to reach a collector */
	OUTPUT_FLUSH_MS = 1000, /* for what is queued, at the end */
};

/* What the outputs share. */
struct output_queue {
	pthread_mutex_t lock; /* of all that is in here, and of what each output says of itself */
	pthread_cond_t more;  /* there is something to read, or to do */
	pthread_cond_t over;  /* an output was told to end, or has */
	struct ring ring;
	struct output *outputs;
	unsigned n_running;
	unsigned n_waiting;    /* for more */
	atomic_bool is_behind; /* an output that is to lose none (events_are_behind()) */
};

struct output {
	struct output_queue *queue;
	struct output_options options;
	char name[OUTPUT_NAME_MAX]; /* as messages call it */
	atomic_uint_fast64_t n_delivered, n_lost;

	/* Under the queue's lock. */
	struct output *next;
	struct ring_reader reader;
	int next_fd;   /* to go on with; -1: none */
	bool is_ended; /* it is to end: at that position, or at the moment `until` */
	uint64_t last, until;

	/* The thread's own. */
	int fd;          /* -1: none */
	bool is_regular; /* a file on a disk: it never says "later" */
	bool is_socket;
	uint64_t size; /* of the file */
	uint8_t *batch;
	struct outgoing outgoing;
	uint64_t n_missed; /* events, which is to be told first */
	uint64_t lost_when_good;
	bool is_failing; /* and it was said */
	bool is_losing;  /* and it was said */
	bool is_behind;  /* there was more in the queue than it could take */
};

/*
 * Starts the thread; `fd` is taken over, -1: it opens what it needs itself. The queue is locked. 0
 * or -errno.
 */
int output_start(struct output_queue *queue, const struct output_options *options, int fd);

/* The same in words: "file /var/log/postern/events.json", "syslog tcp:logs.example:601". */
void output_name(const struct output_options *options, char name[OUTPUT_NAME_MAX]);

/* Looks whether one is behind. The queue is locked. */
void output_look_behind(struct output_queue *queue);

/* Events that it will not get: counts them, and says so once. */
void output_note_missed(struct output *output, uint64_t n);

/* --- the ends (output_open.c, output_send.c) --- */

/* Opens it, which may take a second. A descriptor, or -errno. */
int output_open(const struct output_options *options);
/* Goes on with that descriptor; it has none now. */
void output_adopt(struct output *output, int fd);
/*
 * The file, open as `fd`, is full: it becomes NAME.1, that one NAME.2 ... A descriptor of the new
 * one, or -errno.
 */
int output_rotate(const struct output_options *options, int fd);

/* Sends what can be sent of what is outgoing: 0 when all is gone, -EAGAIN, or -errno. */
int output_send(struct output *output);

#endif
