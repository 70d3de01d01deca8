/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_SPOOL_H
#define POSTERN_TAP_SPOOL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Capture files in a folder: a new one when one is large or old enough, the oldest removed when
 * there are too many. Their names say when they begin, so that the order of names is that of time:
 * "postern-20261122T190000.123456Z.pcap". They are made 0640, and when there is something to write.
 *
 * It may wait for the disk: it is for a thread of its own.
 */
struct spool;

struct spool_options {
	const char *folder;
	uint64_t size;  /* bytes */
	uint64_t age;   /* ms */
	unsigned files; /* to be kept, the one that is written included */
};

/* The folder must be there. 0 or -errno. */
int spool_new(const struct spool_options *options, struct spool **ret_spool);
void spool_free(struct spool *spool);

/*
 * Writes whole packets; `header` is what a file begins with. What cannot be written is cut off
 * again, so that the file stays sound, and counted; that is said once, and so is its end.
 */
void spool_write(struct spool *spool, const uint8_t *header, size_t n_header, const uint8_t *bytes,
		 size_t n, unsigned packets);
/* Now and then, when there is nothing to write, too: old files are closed, new bytes synced. */
void spool_tend(struct spool *spool);

/* Packets, so far. */
uint64_t spool_lost(const struct spool *spool);

#endif
