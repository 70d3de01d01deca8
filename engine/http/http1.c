/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP/1 as it goes by.
 *
 * A head is looked at when it is whole: by head.c, which wants it in the strictest grammar, and
 * then by llhttp, which says where the body ends. Both must agree with it, so what llhttp's version
 * on this machine lets through makes no difference. A head that lies whole in what was just read is
 * read there; else its parts are gathered.
 *
 * Who judges has the client's bytes held back from the first of a head to its last. When a request
 * is refused, neither it nor anything behind it reaches the server: the client may have sent more,
 * and is not believed to have meant it without what was refused. The answer must come in the order
 * of the requests, so it waits until those before it have theirs, and it is the last one
 * ("Connection: close").
 *
 * A message whose body is to be judged leaves the buffer for a store of its own (held.c), with its
 * head, so heads are held back this way, too. What follows it is not looked at before the store is
 * empty again: the order of the bytes needs no other care (http1_held.c).
 */
#include "http/http1.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/head.h"
#include "http/http1_side.h"

/* --- llhttp --- */

static int on_headers_complete(llhttp_t *parser)
{
	const struct side *side = parser->data;

	return side->is_bodiless ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
	struct side *side = parser->data;

	if (side->n_body)
		*side->n_body += n;
	if (side->held.state == HELD_GATHERING && side->held.is_chunked)
		held_put(&side->held.chunks, at, n);
	return 0;
}

/* Each message has a parser of its own, so that what follows is looked at here first. */
static int on_message_complete(llhttp_t *parser)
{
	struct side *side = parser->data;

	side->is_whole = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

/* Some of the bytes, up to the end of the message. False: llhttp cannot make sense of them. */
static bool execute(struct side *side, const uint8_t *bytes, size_t n, size_t *ret_n)
{
	enum llhttp_errno error = llhttp_execute(&side->parser, (const char *)bytes, n);

	*ret_n = n;
	if (error == HPE_PAUSED || error == HPE_PAUSED_UPGRADE)
		*ret_n = (size_t)((const uint8_t *)llhttp_get_error_pos(&side->parser) - bytes);
	return error == HPE_OK || side->is_whole;
}

/* The head, which ends where llhttp must find its end, too. */
static bool begin_body(struct side *side, llhttp_type_t type, const uint8_t *head, size_t n)
{
	size_t n_read;

	llhttp_init(&side->parser, type, &settings);
	side->parser.data = side;
	side->is_whole = false;
	if (!execute(side, head, n, &n_read) || n_read != n)
		return false;
	side->is_in_body = !side->is_whole;
	return true;
}

/* --- exchanges --- */

/* The one that the server is answering; NULL: none. */
static struct exchange *answered(struct http *http)
{
	struct exchange *exchange = http->first;

	while (exchange && exchange->is_response_over)
		exchange = exchange->next;
	return exchange;
}

/* The client's last. */
static struct exchange *asked(struct http *http)
{
	struct exchange *exchange = http->first;

	while (exchange && exchange->next)
		exchange = exchange->next;
	return exchange;
}

static void settle(struct http *http, struct exchange *exchange)
{
	if (exchange->is_request_over && exchange->is_response_over)
		http_end(http, exchange);
}

struct exchange *http1_current(struct http *http, unsigned way)
{
	return way == HTTP_TO_SERVER ? asked(http) : answered(http);
}

void http1_complete(struct http *http, unsigned way, struct exchange *exchange)
{
	if (way == HTTP_TO_SERVER)
		exchange->is_request_over = true;
	else
		exchange->is_response_over = true;
	settle(http, exchange);
}

/* --- requests --- */

static void read_request(struct http *http, const uint8_t *head, size_t n)
{
	struct side *side = &http->one->sides[HTTP_TO_SERVER];
	struct exchange *exchange = http_begin(http, 0);
	enum http_anomaly anomaly;
	char *page = NULL;

	if (!exchange)
		return;
	side->is_bodiless = false;
	side->n_body = &exchange->request_bytes;
	anomaly = head_read_request(head, n, exchange);
	if (anomaly == HTTP_SOUND && !begin_body(side, HTTP_REQUEST, head, n))
		anomaly = HTTP_BAD_GRAMMAR;
	if (anomaly != HTTP_SOUND) {
		http_fail(http, anomaly);
		return;
	}
	if (!http_judge(http, exchange, &page)) {
		http1_refuse(http, exchange, page);
		return;
	}
	side->is_switching = exchange->upgrade[0] != '\0';
	exchange->is_request_over = side->is_whole;
	if (!side->is_whole)
		http1_hold(http, HTTP_TO_SERVER, head, n);
}

/* --- responses --- */

/* Both sides speak another protocol from here on. */
static void leave(struct http *http, struct exchange *exchange)
{
	bool is_websocket = strcasecmp(exchange->upgrade, "websocket") == 0;

	if (exchange->upgrade[0] == '\0') {
		http_fail(http, HTTP_UNSOLICITED);
		return;
	}
	exchange->is_upgraded = true;
	http_end(http, exchange);
	if (!is_websocket && http_is_judged(http))
		http_fail(http, HTTP_TUNNEL);
	http->is_over = true;
}

static void read_response(struct http *http, const uint8_t *head, size_t n)
{
	struct side *side = &http->one->sides[HTTP_TO_CLIENT];
	struct exchange *exchange = answered(http);
	enum http_anomaly anomaly;
	unsigned status = 0;

	/* Of a request that is held the server knows nothing. */
	if (!exchange || (exchange == asked(http) && http1_is_kept_back(http))) {
		http_fail(http, HTTP_UNSOLICITED);
		return;
	}
	anomaly = head_read_response(head, n, exchange, &status);
	if (anomaly != HTTP_SOUND) {
		http_fail(http, anomaly);
		return;
	}
	if (status == 101) {
		leave(http, exchange);
		return;
	}
	side->n_body = status < 200 ? NULL : &exchange->response_bytes;
	side->is_bodiless = status < 200 || status == 204 || status == 304 ||
			    strcmp(exchange->method, "HEAD") == 0;
	if (!begin_body(side, HTTP_RESPONSE, head, n)) {
		http_fail(http, HTTP_BAD_GRAMMAR);
		return;
	}
	if (status < 200)
		return;
	http->one->sides[HTTP_TO_SERVER].is_switching = false;
	if (side->is_whole)
		http1_complete(http, HTTP_TO_CLIENT, exchange);
	else
		http1_hold(http, HTTP_TO_CLIENT, head, n);
}

static void end_message(struct http *http, unsigned way)
{
	struct side *side = &http->one->sides[way];
	struct exchange *exchange = http1_current(http, way);

	side->is_in_body = false;
	if (side->held.state == HELD_GATHERING)
		http1_scan(http, way, exchange);
	else
		http1_complete(http, way, exchange);
}

/* --- heads --- */

static void drop_head(struct side *side)
{
	if (side->head)
		explicit_bzero(side->head, side->n_head);
	free(side->head);
	side->head = NULL;
	side->n_head = side->room = side->scanned = 0;
}

static bool gather(struct side *side, const uint8_t *bytes, size_t n)
{
	if (side->n_head + n > side->room) {
		size_t room = side->n_head + n < 2048 ? 2048 : HTTP_HEAD_MAX;
		uint8_t *head = malloc(room);

		if (!head)
			return false;
		if (side->head) {
			memcpy(head, side->head, side->n_head);
			explicit_bzero(side->head, side->n_head);
			free(side->head);
		}
		side->head = head;
		side->room = room;
	}
	memcpy(side->head + side->n_head, bytes, n);
	side->n_head += n;
	return true;
}

static void read_head(struct http *http, unsigned way, const uint8_t *head, size_t n)
{
	if (way == HTTP_TO_SERVER)
		read_request(http, head, n);
	else
		read_response(http, head, n);
}

/* How many of the bytes are of the head; whether it is whole is *ret_is_whole. */
static size_t take_head(struct http *http, unsigned way, const uint8_t *bytes, size_t n,
			bool *ret_is_whole)
{
	struct side *side = &http->one->sides[way];
	enum http_anomaly anomaly = HTTP_SOUND;
	size_t n_before = side->n_head;
	const uint8_t *head = bytes;
	size_t n_head;

	if (n > HTTP_HEAD_MAX - n_before)
		n = HTTP_HEAD_MAX - n_before;
	if (n_before > 0) {
		if (!gather(side, bytes, n)) {
			http_fail(http, HTTP_NO_MEMORY);
			return n;
		}
		head = side->head;
	}
	n_head = head_find(head, n_before + n, way == HTTP_TO_SERVER, &side->scanned, &anomaly);
	if (n_head > 0) {
		*ret_is_whole = true;
		read_head(http, way, head, n_head);
		drop_head(side);
		return n_head - n_before;
	}
	if (anomaly == HTTP_SOUND && n_before == 0 && !gather(side, bytes, n))
		anomaly = HTTP_NO_MEMORY;
	if (anomaly != HTTP_SOUND)
		http_fail(http, anomaly);
	return n;
}

/* --- reading --- */

/* Into the store; how many. None: it cannot be held any longer, or there is no sense in it. */
static size_t gather_body(struct http *http, unsigned way, const uint8_t *bytes, size_t n)
{
	struct side *side = &http->one->sides[way];
	struct held *held = &side->held;
	size_t n_read;

	if (!held_reserve(held, n)) {
		http1_give_up(http, way, SCAN_NO_MEMORY);
		return 0;
	}
	if (!execute(side, bytes, n, &n_read)) {
		http_fail(http, HTTP_BAD_FRAMING);
		return 0;
	}
	held_put(&held->wire, bytes, n_read);
	http->n_held_bytes += n_read;
	if (held->wire.n - held->n_head > http->hooks.scanner->max)
		http1_give_up(http, way, SCAN_TOO_LARGE);
	if (side->is_whole && side->is_in_body)
		end_message(http, way);
	return n_read;
}

static size_t take_body(struct http *http, unsigned way, const uint8_t *bytes, size_t n)
{
	struct side *side = &http->one->sides[way];
	size_t n_read;

	if (!execute(side, bytes, n, &n_read)) {
		http_fail(http, HTTP_BAD_FRAMING);
		return n;
	}
	if (side->is_whole)
		end_message(http, way);
	return n_read;
}

/* Nothing of what follows this way is wanted. */
static bool is_done(const struct http *http, unsigned way)
{
	return http->has_cut || (http->has_refused && (way == HTTP_TO_SERVER || !http->first));
}

/* Behind the last answer of the server, once; and nothing behind it. Where it ends. */
static size_t put_answer(struct http *http, uint8_t *bytes, size_t at)
{
	if (http->first)
		return at;
	if (http->answer)
		memcpy(bytes + at, http->answer, http->n_answer);
	at += http->n_answer;
	http_drop_answer(http);
	return at;
}

/* What is looked at now: [0, free) may go, [free, at) is a head that is not whole yet. */
struct place {
	uint8_t *bytes;
	size_t free, at, end;
};

/* Out of the buffer, from `free` on. */
static void cut(struct place *place, size_t n)
{
	memmove(place->bytes + place->free, place->bytes + place->free + n,
		place->end - place->free - n);
	place->end -= n;
	place->at = place->free;
}

static void read_some(struct http *http, unsigned way, struct place *place)
{
	struct side *side = &http->one->sides[way];
	const uint8_t *bytes = place->bytes + place->at;
	size_t n = place->end - place->at;
	bool is_whole = false;

	if (side->is_in_body && side->held.state == HELD_GATHERING) {
		cut(place, gather_body(http, way, bytes, n));
		return;
	}
	if (side->is_in_body) {
		place->free = place->at += take_body(http, way, bytes, n);
		return;
	}
	if (side->is_switching) {
		http_fail(http, HTTP_TUNNEL);
		return;
	}
	place->at += take_head(http, way, bytes, n, &is_whole);
	if (!is_whole || (way == HTTP_TO_SERVER && http->has_refused))
		return;
	if (http1_holds(http, way) || http->has_cut)
		cut(place, place->at - place->free);
	else
		place->free = place->at;
}

/* What remains of it; how much may go. */
static size_t end_read(struct http *http, unsigned way, struct place *place)
{
	struct side *side = &http->one->sides[way];
	bool is_held = http_is_judged(http) && (way == HTTP_TO_SERVER || http->hooks.scanner);

	if (http->has_cut || (way == HTTP_TO_SERVER && http->has_refused && !http->is_over)) {
		place->end = place->free;
		return place->free;
	}
	if (http1_is_holding(http, way)) {
		side->n_unread = place->end - place->at;
		return place->free;
	}
	if (http->is_over)
		return place->end;
	if (way == HTTP_TO_CLIENT && http->has_refused && !http->first) {
		place->end = put_answer(http, place->bytes, is_held ? place->free : place->at);
		return place->end;
	}
	return is_held ? place->free : place->end;
}

size_t http1_read(struct http *http, unsigned way, uint8_t *bytes, size_t n_held, size_t *n)
{
	struct side *side = &http->one->sides[way];
	struct place place = { .bytes = bytes, .at = n_held - side->n_unread, .end = *n };
	size_t n_free;

	side->n_unread = 0;
	while (place.at < place.end && !http->is_over && !is_done(http, way) &&
	       !http1_is_holding(http, way))
		read_some(http, way, &place);
	if (http->is_over && side->held.state == HELD_GATHERING)
		held_release(&side->held);
	n_free = end_read(http, way, &place);
	*n = place.end;
	return n_free;
}

void http1_finish(struct http *http, unsigned way)
{
	struct side *side = &http->one->sides[way];

	/* A response may end with the connection. */
	if (side->is_in_body && llhttp_finish(&side->parser) == HPE_PAUSED && side->is_whole)
		end_message(http, way);
	/* Half a message is never judged, so it does not go on. */
	if (side->held.state == HELD_GATHERING)
		held_drop(&side->held);
}

int http1_new(struct http1 **ret_one)
{
	struct http1 *one = calloc(1, sizeof(*one));

	if (!one)
		return -ENOMEM;
	*ret_one = one;
	return 0;
}

void http1_free(struct http1 *one)
{
	if (!one)
		return;
	for (unsigned way = HTTP_TO_SERVER; way <= HTTP_TO_CLIENT; way++) {
		drop_head(&one->sides[way]);
		held_drop(&one->sides[way].held);
	}
	free(one);
}
