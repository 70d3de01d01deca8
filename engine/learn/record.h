/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_RECORD_H
#define POSTERN_LEARN_RECORD_H

#include "learn/key.h"

/* A full table must be an answer, not an abort(). The hash is made by the key. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* An entry in the table: without air, as there may be a million. The table's own. */

enum gone { GONE_NOT, GONE_FORGOTTEN, GONE_EVICTED };

struct record {
	UT_hash_handle hh;
	struct record *prev, *next;             /* in its list */
	struct record *queue_prev, *queue_next; /* in the queue */
	uint64_t first_seen, last_seen, expires, hits;
	uint64_t asked;   /* when a caller was asked to probe */
	uint64_t hit_put; /* when hits alone were queued */
	char *issuer;     /* NULL: "" */
	uint8_t ca_names[LEARN_DIGEST], server_key[LEARN_DIGEST];
	uint32_t decision;
	unsigned epoch;
	uint16_t tls_version;
	uint16_t n;
	uint8_t alert, class, state, source;
	uint8_t gone; /* enum gone */
	bool is_queued;
	bool is_stored; /* the store has it, or may */
	uint8_t key[];
};

void record_free(struct record *record);
bool record_is_operators(const struct record *record);
/* The padding of the entry's texts is left as it was. */
void record_read(const struct record *record, struct entry *entry);
/* All but host and server. 0 or -ENOMEM, and then the record is as it was. */
int record_write(struct record *record, const struct entry *entry);

#endif
