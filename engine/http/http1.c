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
 */
#include "http/http1.h"

#include <errno.h>
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/head.h"

struct side {
	llhttp_t parser; /* of the message whose body is read */
	bool is_in_body;
	bool is_switching; /* the client asked for another protocol, and awaits the answer */
	bool is_bodiless;  /* whatever its head says: a response to HEAD, 204, 304 */
	bool is_whole;     /* llhttp says that the message ended */
	uint64_t *n_body;  /* where its bytes are counted; NULL: of an interim response */
	uint8_t *head;     /* a head of which parts have yet to come; owned */
	size_t n_head, room;
	size_t scanned;
};

struct http1 {
	struct side sides[2];
};

/* --- llhttp --- */

static int on_headers_complete(llhttp_t *parser)
{
	const struct side *side = parser->data;

	return side->is_bodiless ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
	const struct side *side = parser->data;

	(void)at;
	if (side->n_body)
		*side->n_body += n;
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

/* --- requests --- */

static void refuse(struct http *http, struct exchange *exchange, char *page)
{
	static const char head[] = "HTTP/1.1 403 Forbidden\r\n"
				   "Content-Type: text/html; charset=utf-8\r\n"
				   "Content-Length: %zu\r\n"
				   "Cache-Control: no-store\r\n"
				   "Connection: close\r\n"
				   "\r\n%s";
	bool has_body = page && strcmp(exchange->method, "HEAD") != 0;
	char *answer;
	int n = asprintf(&answer, head, page ? strlen(page) : 0, has_body ? page : "");

	free(page);
	http->has_refused = true;
	exchange->status = 403;
	http_end(http, exchange);
	if (n < 0)
		return; /* the end alone is an answer, too */
	http->answer = (uint8_t *)answer;
	http->n_answer = (size_t)n;
}

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
		refuse(http, exchange, page);
		return;
	}
	side->is_switching = exchange->upgrade[0] != '\0';
	exchange->is_request_over = side->is_whole;
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

	if (!exchange) {
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
	exchange->is_response_over = side->is_whole;
	settle(http, exchange);
}

static void end_message(struct http *http, unsigned way)
{
	struct exchange *exchange = way == HTTP_TO_SERVER ? asked(http) : answered(http);

	http->one->sides[way].is_in_body = false;
	if (way == HTTP_TO_SERVER)
		exchange->is_request_over = true;
	else
		exchange->is_response_over = true;
	settle(http, exchange);
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
	return http->has_refused && (way == HTTP_TO_SERVER || !http->first);
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

size_t http1_read(struct http *http, unsigned way, uint8_t *bytes, size_t n_held, size_t *n)
{
	struct side *side = &http->one->sides[way];
	bool is_held = way == HTTP_TO_SERVER && http_is_judged(http);
	size_t at = n_held, n_free = 0;

	while (at < *n && !http->is_over && !is_done(http, way)) {
		bool is_whole = false;

		if (side->is_in_body) {
			at += take_body(http, way, bytes + at, *n - at);
			n_free = at;
			continue;
		}
		if (side->is_switching) {
			http_fail(http, HTTP_TUNNEL);
			break;
		}
		at += take_head(http, way, bytes + at, *n - at, &is_whole);
		if (is_whole && !http->has_refused)
			n_free = at;
	}
	if (http->is_over)
		return *n;
	if (way == HTTP_TO_CLIENT && http->has_refused)
		*n = put_answer(http, bytes, at);
	else if (is_held && http->has_refused)
		*n = n_free;
	return is_held ? n_free : *n;
}

void http1_finish(struct http *http, unsigned way)
{
	struct side *side = &http->one->sides[way];

	/* A response may end with the connection. */
	if (side->is_in_body && llhttp_finish(&side->parser) == HPE_PAUSED && side->is_whole)
		end_message(http, way);
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
	drop_head(&one->sides[HTTP_TO_SERVER]);
	drop_head(&one->sides[HTTP_TO_CLIENT]);
	free(one);
}
