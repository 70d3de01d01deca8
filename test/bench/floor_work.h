/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cryptography of floor.c, which says what it is. */
#ifndef BENCH_FLOOR_WORK_H
#define BENCH_FLOOR_WORK_H

#include <stdbool.h>
#include <stddef.h>

enum { FLOOR_OVERHEAD = 5 + 1 + 16 /* header, type, tag */ };

struct floor_kind {
	const char *name;
	bool is_12, is_rsa, is_bulk, is_256;
};

enum { FLOOR_N_KINDS = 6 };
extern const struct floor_kind floor_kinds[FLOOR_N_KINDS];

/* NULL: there is none of that name. */
const struct floor_kind *floor_kind_find(const char *name);

/* Once: keys, signatures, contexts. Ends the process when it cannot. */
void floor_init(void);
/* For the connection that begins. */
void floor_use(const struct floor_kind *kind);

/* All that a leg's handshake takes. `flight` is the server's of that leg. */
void floor_shake_upstream(unsigned char *flight, size_t n);
void floor_shake_downstream(unsigned char *flight, size_t n);

/* Opens a record of `n` bytes of plaintext, and seals it for the other leg, in place. */
void floor_relay_record(unsigned char *record, size_t n);

#endif
