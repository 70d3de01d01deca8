/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_RECORDER_H
#define POSTERN_TAP_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "tap/frames.h"
#include "tap/spool.h"

/*
 * What is recorded of decrypted traffic: its packets, to files and to those who listen, and keys.
 *
 * Workers put pieces into a queue and never wait; a thread of its own, which may wait for a disk,
 * takes them out. The queue holds RECORDER_QUEUE bytes. What does not fit is dropped and counted:
 * in a capture it is missing as segments are that a listener missed.
 */
struct recorder;

enum { RECORDER_QUEUE = 32 << 20 };

struct recorder_options {
	struct spool_options files; /* folder NULL: none */
	const char *listen;         /* as local_parse() takes it; NULL: nowhere */
	const char *key_log;        /* NULL: none */
};

/* What is in force, in packets and pieces, since the recorder was made. */
struct recorder_counts {
	bool has_files, has_listener, has_key_log;
	unsigned clients;
	uint64_t packets; /* made */
	uint64_t dropped; /* pieces that the queue had no room for, keys included */
	uint64_t lost;    /* packets that no file has, or one of the clients has not */
};

/* Nothing is recorded yet, and no thread runs. 0 or -errno. */
int recorder_new(struct recorder **ret_recorder);
/* Ends with what is in the queue. */
void recorder_free(struct recorder *recorder);

/*
 * Puts the options in force; with the same ones, files are begun anew, and clients stay. When it
 * fails what was in force goes on; *ret_what is then the key of the configuration that it failed
 * at. By one thread. 0 or -errno.
 */
int recorder_set_options(struct recorder *recorder, const struct recorder_options *options,
			 const char **ret_what);
/* Another engine takes over: nobody is accepted any more. */
void recorder_leave(struct recorder *recorder);

/* Whether anybody wants it; any thread, and for next to nothing. */
bool recorder_wants_packets(const struct recorder *recorder);
bool recorder_wants_keys(const struct recorder *recorder);

/* Any thread. `bytes` is the piece's plaintext, and copied. */
void recorder_put(struct recorder *recorder, const struct piece *piece, const uint8_t *bytes);
void recorder_put_keys(struct recorder *recorder, const char *line, size_t n);

struct recorder_counts recorder_counts(struct recorder *recorder);

#endif
