/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/unit/http_play.h"

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool judge(void *context, const struct exchange *exchange, char **ret_page)
{
	struct play *play = context;

	play->n_judged++;
	if (strncmp(exchange->target, play->refused, strlen(play->refused)) != 0)
		return true;
	*ret_page = strdup("<p>no</p>");
	return false;
}

static void report(void *context, const struct exchange *exchange)
{
	struct play *play = context;
	size_t n = strlen(play->log);
	bool is_over = exchange->is_request_over && exchange->is_response_over;

	snprintf(play->log + n, sizeof(play->log) - n, "%s %s %s %u %llu/%llu%s%s%s%s%s;",
		 exchange->method, exchange->host, exchange->target ? exchange->target : "",
		 exchange->status, (unsigned long long)exchange->request_bytes,
		 (unsigned long long)exchange->response_bytes,
		 is_over || exchange->is_refused || exchange->is_upgraded ? "" : " C",
		 exchange->is_refused ? " F" : "", exchange->is_reset ? " R" : "",
		 exchange->is_upgraded ? " U" : "", exchange->is_pushed ? " P" : "");
}

struct play *play_new(enum http_version version, const char *refused)
{
	struct play *play = calloc(1, sizeof(*play));
	struct http_hooks hooks = { .context = play, .report = report };

	assert(play);
	play->refused = refused;
	if (refused)
		hooks.judge = judge;
	assert(http_new(version, &hooks, &play->http) == 0);
	return play;
}

static void read_piece(struct play *play, unsigned way, const uint8_t *bytes, size_t n)
{
	size_t n_held = play->ways[way].n_held, total = n_held + n, n_free;
	uint8_t *held = play->ways[way].held;

	assert(total + HTTP_ROOM <= sizeof(play->ways[way].held));
	if (n > 0)
		memcpy(held + n_held, bytes, n);
	n_free = http_read(play->http, way, held, n_held, &total);
	assert(n_free <= total && total <= n_held + n + HTTP_ROOM);
	assert(total - n_free <= HTTP_HEAD_MAX + 9);
	assert(way == HTTP_TO_SERVER || n_free == total);
	assert(play->refused || (n_free == n && n_held == 0));
	assert(play->ways[way].n_out + n_free <= sizeof(play->ways[way].out));
	memcpy(play->ways[way].out + play->ways[way].n_out, held, n_free);
	play->ways[way].n_out += n_free;
	memmove(held, held + n_free, total - n_free);
	play->ways[way].n_held = total - n_free;
}

void play(struct play *play, unsigned way, const void *bytes, size_t n, size_t piece)
{
	const uint8_t *at = bytes;

	if (n == 0)
		read_piece(play, way, NULL, 0);
	while (n > 0) {
		size_t n_piece = piece == 0 || piece > n ? n : piece;

		if (n_piece > 16384)
			n_piece = 16384;
		read_piece(play, way, at, n_piece);
		at += n_piece;
		n -= n_piece;
	}
}

void play_end(struct play *play)
{
	http_free(play->http);
	play->http = NULL;
}

void play_free(struct play *play)
{
	http_free(play->http);
	free(play);
}
