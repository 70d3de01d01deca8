/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_RECORD_H
#define POSTERN_CERTGEN_RECORD_H

#include "base/addr.h"
#include "certgen/forge.h"

/*
 * The record of every use of the CA's keys: a line of JSON each (doc/events.md), in a file that the
 * supervisor opened for appending, as nothing here may open one. A line is on the disk before its
 * leaf leaves this process. A line that was cut short, by a full disk, is closed by the next one's
 * first byte, and whoever reads skips it.
 */
struct record {
	bool is_wanted;
	bool is_needed;   /* what cannot be recorded is not given out */
	bool is_unsynced; /* the disk is not waited for */
	int fd;           /* -1: not open; owned */
	bool is_cut;      /* the last line */
	int error;        /* errno of the last line, 0: it was written */
};

struct record_use {
	const struct forge_order *order;
	const union addr *client;
	const struct forge_leaf *leaf; /* NULL: it could not be signed */
	uint64_t wall_us;
};

/* 0, also when no record is wanted, or -errno, which is said in the log once. */
int record_write(struct record *record, const struct record_use *use);

/* Another file takes the place of the one before, which is closed. */
void record_set(struct record *record, int fd);

#endif
