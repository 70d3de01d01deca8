/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/fuzz/http_drive.h"

#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED "/no"
enum { IS_JUDGED = 1, IS_SCANNED = 2 };

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
	struct http_scanner scanner; /* if bodies are held */
	struct held_budget budget;
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

/* --- bodies: one that begins with REFUSED_BODY is not let go, of some the verdict is late --- */

enum { REFUSED_BODY = 'N', LATE_BODY = 'W', BODY_MAX = 200, BODIES_MAX = 1 << 18 };

static bool wants(void *context, unsigned way, const struct exchange *exchange)
{
	(void)context;
	(void)way;
	return exchange->target[strlen(exchange->target) - 1] != '-';
}

static enum http_answer scan(void *context, unsigned way, struct exchange *exchange,
			     const struct held *held, char **ret_page)
{
	size_t n;
	const uint8_t *body = held_body(held, &n);
	uint64_t n_seen =
		way == HTTP_TO_SERVER ? exchange->request_bytes : exchange->response_bytes;

	(void)context;
	assert(n == n_seen && held->wire.n <= held->wire.room);
	if (n == 0 || (body[0] != REFUSED_BODY && body[0] != LATE_BODY))
		return HTTP_RELEASE;
	if (body[0] == LATE_BODY)
		return HTTP_WAIT;
	*ret_page = strdup("refused");
	return HTTP_REFUSE;
}

static bool refuses(void *context, unsigned way, struct exchange *exchange, enum scan_verdict why,
		    char **ret_page)
{
	(void)context;
	(void)way;
	(void)exchange;
	(void)ret_page;
	assert(why == SCAN_TOO_LARGE);
	return false;
}

/* --- the relay's part --- */

static void make_room(struct stream *stream, size_t n)
{
	size_t room = 2 * (stream->n + n + HTTP_ROOM);
	uint8_t *bytes;

	if (stream->n + n + HTTP_ROOM <= stream->room)
		return;
	bytes = realloc(stream->bytes, room);
	assert(bytes);
	stream->bytes = bytes;
	stream->room = room;
}

static void read_on(struct run *run, unsigned way, size_t n_held, size_t n)
{
	struct stream *stream = &run->streams[way];
	size_t total = n_held + n, n_free;
	bool is_judged = run->http->hooks.judge || run->http->hooks.scanner;

	make_room(stream, 0);
	n_free = http_read(run->http, way, stream->bytes + stream->n_free, n_held, &total);
	assert(n_free <= total && total <= n_held + n + HTTP_ROOM);
	assert(total - n_free <= HTTP_HEAD_MAX + 9 || http_is_holding(run->http, way));
	assert(is_judged || (n_free == n && n_held == 0));
	assert(way == HTTP_TO_SERVER || n_free == total || run->http->hooks.scanner);
	assert(run->http->n_exchanges <= HTTP_EXCHANGES_MAX);
	stream->n = stream->n_free + total;
	stream->n_free += n_free;
}

/* What is held goes out, and then what came behind it is read. */
static void release(struct run *run, unsigned way)
{
	struct stream *stream = &run->streams[way];
	size_t n;
	const uint8_t *bytes = http_released(run->http, way, &n);

	if (!bytes) {
		http_conclude(run->http, way, true, NULL);
		bytes = http_released(run->http, way, &n);
	}
	assert(bytes && n > 0);
	make_room(stream, n);
	memmove(stream->bytes + stream->n_free + n, stream->bytes + stream->n_free,
		stream->n - stream->n_free);
	memcpy(stream->bytes + stream->n_free, bytes, n);
	stream->n_free += n;
	stream->n += n;
	http_sent(run->http, way, n);
	read_on(run, way, stream->n - stream->n_free, 0);
}

static void feed(struct run *run, unsigned way, const uint8_t *bytes, size_t n)
{
	struct stream *stream = &run->streams[way];

	make_room(stream, n);
	if (n > 0)
		memcpy(stream->bytes + stream->n, bytes, n);
	read_on(run, way, stream->n - stream->n_free, n);
	while (http_is_holding(run->http, way))
		release(run, way);
	assert(run->budget.used <= BODIES_MAX + HTTP_ROOM);
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
	for (unsigned way = HTTP_TO_SERVER; way <= HTTP_TO_CLIENT; way++) {
		http_finish(run->http, way, run->streams[way].n - run->streams[way].n_free);
		while (http_is_holding(run->http, way))
			release(run, way);
	}
}

static void begin(struct run *run, enum http_version version, unsigned flags)
{
	struct http_hooks hooks = { .context = run, .report = report };

	run->budget.limit = BODIES_MAX;
	run->scanner = (struct http_scanner){ .wants = wants,
					      .scan = scan,
					      .refuses = refuses,
					      .max = BODY_MAX,
					      .budget = &run->budget };
	if (flags & IS_JUDGED)
		hooks.judge = judge;
	if (flags & IS_SCANNED && version == HTTP_1)
		hooks.scanner = &run->scanner;
	run->logged = open_memstream(&run->log, &run->n_log);
	assert(run->logged && http_new(version, &hooks, &run->http) == 0);
}

static void end(struct run *run)
{
	fprintf(run->logged, "%s\n", http_anomaly_text(run->http->anomaly));
	http_free(run->http);
	assert(run->budget.used == 0);
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
	unsigned flags = reader_u8(&r);
	struct run whole = { 0 }, single = { 0 };

	if (n > 1 << 17)
		return 0;
	begin(&whole, version, flags);
	begin(&single, version, flags);
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
