/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_FRAMES_H
#define POSTERN_TAP_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * Plaintext as TCP would have carried it: Ethernet frames that were never on any wire, for programs
 * that read captures. Pure; nothing here looks into the plaintext.
 */

enum {
	FRAMES_MTU = 1500,
	FRAMES_MAX = 14 + FRAMES_MTU, /* the longest frame */
};

enum { FLOW_TO_SERVER, FLOW_TO_CLIENT };

/* One connection: where its numbers stand. */
struct flow {
	union addr end[2]; /* the client, the server: who sends this way */
	uint32_t next[2];  /* number of the next byte this way */
	bool is_finished[2];
};

/* What happens at one moment. */
enum piece_kind {
	PIECE_OPEN,   /* SYN, SYN and ACK, ACK */
	PIECE_DATA,   /* segments, then the receiver's ACK for all of them */
	PIECE_FINISH, /* FIN, the receiver's ACK */
	PIECE_RESET,
};

/*
 * It stands for itself: one that is lost on its way to a file leaves a gap in the numbers, which
 * every reader of the file sees.
 */
struct piece {
	enum piece_kind kind;
	unsigned way; /* it was sent */
	union addr from, to;
	uint32_t number, acknowledged;
	size_t n; /* bytes of plaintext */
};

/* The numbers of the first bytes are `first`: any will do, better those that nobody used lately. */
void flow_init(struct flow *flow, const union addr *client, const union addr *server,
	       const uint32_t first[2]);
/* The next piece, sent `way`; n is 0 but for data. */
struct piece flow_piece(struct flow *flow, unsigned way, enum piece_kind kind, size_t n);

/* The frames of one piece. */
struct frames {
	const struct piece *piece;
	const uint8_t *bytes;
	size_t at;     /* of them, that are in frames */
	unsigned step; /* frames without plaintext that were made */
};

struct frames frames_of(const struct piece *piece, const uint8_t *bytes);
/* The length of the next one; 0: there is none. */
size_t frames_next(struct frames *frames, uint8_t frame[FRAMES_MAX]);

#endif
