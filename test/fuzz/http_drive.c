/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/fuzz/http_drive.h"

#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED "/no"

/* All that went one way, with what is held behind it. */
struct stream {
	uint8_t *bytes;
	size_t n_free, n, room;
};

struct run {
	struct http *http;
	struct stream streams[2];
	char *log;
	size_t n_log;
	FILE *logged;
};

static bool judge(void *context, const struct exchange *exchange, char **ret_page)
{
	(void)context;
	assert(exchange->target && strlen(exchange->host) < sizeof(exchange->host));
	if (strncmp(exchange->target, REFUSED, strlen(REFUSED)) != 0)
		return true;
	*ret_page = strdup("refused");
	return false;
}

static void report(void *context, const struct exchange *exchange)
{
	struct run *run = context;

	fprintf(run->logged, "%u %s %s %s %s %s %s %u %s %ju %ju %d%d%d%d%d\n", exchange->stream,
		exchange->method, exchange->host, exchange->target ? exchange->target : "",
		exchange->user_agent, exchange->referer, exchange->upgrade, exchange->status,
		exchange->content_type, (uintmax_t)exchange->request_bytes,
		(uintmax_t)exchange->response_bytes, exchange->is_request_over,
		exchange->is_response_over, exchange->is_refused, exchange->is_reset,
		exchange->is_upgraded);
}

static void feed(struct run *run, unsigned way, const uint8_t *bytes, size_t n)
{
	struct stream *stream = &run->streams[way];
	size_t n_held = stream->n - stream->n_free, total = n_held + n, n_free;
	bool is_judged = run->http->hooks.judge;

	if (stream->n + n + HTTP_ROOM > stream->room) {
		stream->room = 2 * (stream->n + n + HTTP_ROOM);
		stream->bytes = realloc(stream->bytes, stream->room);
		assert(stream->bytes);
	}
	if (n > 0)
		memcpy(stream->bytes + stream->n, bytes, n);
	n_free = http_read(run->http, way, stream->bytes + stream->n_free, n_held, &total);
	assert(n_free <= total && total <= n_held + n + HTTP_ROOM);
	assert(total - n_free <= HTTP_HEAD_MAX + 9);
	assert(is_judged || (n_free == n && n_held == 0));
	assert(way == HTTP_TO_SERVER || n_free == total);
	assert(run->http->n_exchanges <= HTTP_EXCHANGES_MAX);
	stream->n = stream->n_free + total;
	stream->n_free += n_free;
}

static void run_pieces(struct run *run, struct reader r, size_t most)
{
	while (reader_left(&r) > 0) {
		unsigned way = reader_u8(&r) & 1;
		size_t n = reader_u16(&r);
		const uint8_t *at;

		if (n > reader_left(&r))
			n = reader_left(&r);
		at = reader_bytes(&r, n);
		if (n == 0)
			feed(run, way, at, 0);
		for (size_t done = 0; done < n;) {
			size_t piece = n - done < most ? n - done : most;

			feed(run, way, at + done, piece);
			done += piece;
		}
	}
	for (unsigned way = HTTP_TO_SERVER; way <= HTTP_TO_CLIENT; way++)
		http_finish(run->http, way, run->streams[way].n - run->streams[way].n_free);
}

static void begin(struct run *run, enum http_version version, bool is_judged)
{
	struct http_hooks hooks = { .context = run, .report = report };

	if (is_judged)
		hooks.judge = judge;
	run->logged = open_memstream(&run->log, &run->n_log);
	assert(run->logged && http_new(version, &hooks, &run->http) == 0);
}

static void end(struct run *run)
{
	fprintf(run->logged, "%s\n", http_anomaly_text(run->http->anomaly));
	http_free(run->http);
	fclose(run->logged);
}

static void check_same(const struct stream *a, const struct stream *b)
{
	assert(a->n == b->n && a->n_free == b->n_free);
	assert(a->n == 0 || memcmp(a->bytes, b->bytes, a->n) == 0);
}

int http_drive(enum http_version version, const uint8_t *bytes, size_t n)
{
	struct reader r = reader_of(bytes, n);
	bool is_judged = reader_u8(&r) & 1;
	struct run whole = { 0 }, single = { 0 };

	if (n > 1 << 17)
		return 0;
	begin(&whole, version, is_judged);
	begin(&single, version, is_judged);
	run_pieces(&whole, r, SIZE_MAX);
	run_pieces(&single, r, 1);
	end(&whole);
	end(&single);
	for (unsigned way = HTTP_TO_SERVER; way <= HTTP_TO_CLIENT; way++) {
		check_same(&whole.streams[way], &single.streams[way]);
		free(whole.streams[way].bytes);
		free(single.streams[way].bytes);
	}
	assert(strcmp(whole.log, single.log) == 0);
	free(whole.log);
	free(single.log);
	return 0;
}
