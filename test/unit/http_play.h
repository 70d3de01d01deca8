/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_HTTP_PLAY_H
#define POSTERN_TEST_HTTP_PLAY_H

#include "http/http.h"

/*
 * One connection through http_read(), as a relay would call it: in pieces, what is held kept in the
 * buffer. What was sent on is `out`, what was reported is `log`: "GET www.example /a 200 0/5;" with
 * the bytes of both bodies, and letters behind: C incomplete, F refused, R reset, U upgraded, P
 * pushed.
 */
struct play {
	struct http *http;
	const char *refused; /* targets that begin so are refused; NULL: nobody judges */
	unsigned n_judged;
	struct {
		uint8_t held[65536 + HTTP_ROOM];
		size_t n_held;
		uint8_t out[1 << 20];
		size_t n_out;
	} ways[2];
	char log[4096];
};

/* To be freed with play_end(). */
struct play *play_new(enum http_version version, const char *refused);
/* In pieces of that many bytes; 0: in one. */
void play(struct play *play, unsigned way, const void *bytes, size_t n, size_t piece);
/* Reports what is not over; the log and what was sent on stay until play_free(). */
void play_end(struct play *play);
void play_free(struct play *play);

#endif
