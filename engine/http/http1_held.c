/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages that are held until their bodies are judged, and answers in the place of others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http1.h"
#include "http/http1_side.h"

/* --- refusing --- */

/* The answer in the place of another; NULL: no memory, and the end alone is an answer, too. */
static uint8_t *make_answer(const struct exchange *exchange, char *page, size_t *ret_n)
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
	*ret_n = n < 0 ? 0 : (size_t)n;
	return n < 0 ? NULL : (uint8_t *)answer;
}

/* It is answered in its turn. */
void http1_refuse(struct http *http, struct exchange *exchange, char *page)
{
	http->has_refused = true;
	http->answer = make_answer(exchange, page, &http->n_answer);
	exchange->status = 403;
	http_end(http, exchange);
}

/* Of the response that is held no byte goes out, and nothing behind it. */
static void cut_response(struct http *http, struct exchange *exchange, char *page)
{
	size_t n;
	uint8_t *answer = make_answer(exchange, page, &n);

	http->has_cut = true;
	held_replace(&http->one->sides[HTTP_TO_CLIENT].held, answer, n);
	http_end(http, exchange);
}

/* --- holding --- */

static void turn_away(struct http *http, unsigned way, struct exchange *exchange, char *page)
{
	struct side *side = &http->one->sides[way];

	exchange->scans[way].is_blocked = true;
	side->is_in_body = false;
	if (way == HTTP_TO_CLIENT) {
		cut_response(http, exchange, page);
		return;
	}
	held_drop(&side->held);
	http1_refuse(http, exchange, page);
}

/* It cannot be judged. Released, the rest of it goes by as any other. */
void http1_give_up(struct http *http, unsigned way, enum scan_verdict why)
{
	const struct http_hooks *hooks = &http->hooks;
	struct held *held = &http->one->sides[way].held;
	struct exchange *exchange = http1_current(http, way);
	char *page = NULL;

	if (hooks->scanner->refuses(hooks->context, way, exchange, why, &page))
		turn_away(http, way, exchange, page);
	else if (held->wire.n > 0)
		held_release(held);
	else
		held_drop(held);
}

/* The message that begins with this head has a body. */
void http1_hold(struct http *http, unsigned way, const uint8_t *head, size_t n)
{
	const struct http_scanner *scanner = http->hooks.scanner;
	struct side *side = &http->one->sides[way];
	struct held *held = &side->held;

	if (!scanner || !scanner->wants(http->hooks.context, way, http1_current(http, way)))
		return;
	held->budget = scanner->budget;
	held->is_chunked = (side->parser.flags & F_CHUNKED) != 0;
	held->state = HELD_GATHERING;
	if ((side->parser.flags & F_CONTENT_LENGTH) && side->parser.content_length > scanner->max) {
		http1_give_up(http, way, SCAN_TOO_LARGE);
	} else if (!held_reserve(held, n)) {
		http1_give_up(http, way, SCAN_NO_MEMORY);
	} else {
		held_put(&held->wire, head, n);
		held->n_head = n;
	}
}

void http1_conclude(struct http *http, unsigned way, bool is_released, char *page)
{
	struct held *held = &http->one->sides[way].held;
	struct exchange *exchange = http1_current(http, way);

	if (!is_released) {
		turn_away(http, way, exchange, page);
		return;
	}
	free(page);
	held_release(held);
	http1_complete(http, way, exchange);
}

void http1_scan(struct http *http, unsigned way, struct exchange *exchange)
{
	const struct http_hooks *hooks = &http->hooks;
	struct held *held = &http->one->sides[way].held;
	char *page = NULL;

	held->state = HELD_JUDGED;
	switch (hooks->scanner->scan(hooks->context, way, exchange, held, &page)) {
	case HTTP_WAIT:
		break;
	case HTTP_RELEASE:
		http1_conclude(http, way, true, page);
		break;
	case HTTP_REFUSE:
		http1_conclude(http, way, false, page);
		break;
	}
}

/* The client's last request: nothing of it went to the server. */
bool http1_is_kept_back(const struct http *http)
{
	enum held_state state = http->one->sides[HTTP_TO_SERVER].held.state;

	return state == HELD_GATHERING || state == HELD_JUDGED;
}

bool http1_holds(const struct http *http, unsigned way)
{
	return http->one->sides[way].held.state != HELD_NONE;
}

bool http1_is_holding(const struct http *http, unsigned way)
{
	enum held_state state = http->one->sides[way].held.state;

	return state == HELD_JUDGED || state == HELD_RELEASED;
}

const uint8_t *http1_held(const struct http *http, unsigned way, size_t *ret_n)
{
	const struct held *held = &http->one->sides[way].held;

	*ret_n = held->wire.n - held->n_sent;
	return *ret_n > 0 ? held->wire.at + held->n_sent : NULL;
}

const uint8_t *http1_released(const struct http *http, unsigned way, size_t *ret_n)
{
	bool is_released = http->one->sides[way].held.state == HELD_RELEASED;

	return is_released ? http1_held(http, way, ret_n) : NULL;
}

void http1_sent(struct http *http, unsigned way, size_t n)
{
	struct held *held = &http->one->sides[way].held;

	held->n_sent += n;
	if (held->n_sent == held->wire.n)
		held_drop(held);
}
