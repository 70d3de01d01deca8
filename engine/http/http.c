/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/http1.h"
#include "http/http2.h"

int http_new(enum http_version version, const struct http_hooks *hooks, struct http **ret_http)
{
	struct http *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return -ENOMEM;
	http->hooks = *hooks;
	r = version == HTTP_1 ? http1_new(&http->one) : http2_new(&http->two);
	if (r < 0) {
		free(http);
		return r;
	}
	*ret_http = http;
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	while (http->first)
		http_end(http, http->first);
	http1_free(http->one);
	http2_free(http->two);
	http_drop_answer(http);
	free(http);
}

size_t http_read(struct http *http, unsigned way, uint8_t *bytes, size_t n_held, size_t *n)
{
	size_t n_free;

	if (http->is_over && !http->has_cut && !(http->one && http1_holds(http, way)))
		return *n;
	n_free = http->one ? http1_read(http, way, bytes, n_held, n)
			   : http2_read(http, way, bytes, n_held, n);
	return http->is_over && !http_is_holding(http, way) ? *n : n_free;
}

void http_finish(struct http *http, unsigned way, size_t n_held)
{
	if (n_held > 0)
		http_fail(http, HTTP_BAD_GRAMMAR);
	if (!http->is_over && http->one)
		http1_finish(http, way);
}

bool http_is_settled(const struct http *http)
{
	if (http->has_cut)
		return !http_is_holding(http, HTTP_TO_CLIENT);
	return http->has_refused && !http->first && !http->answer;
}

bool http_is_holding(const struct http *http, unsigned way)
{
	return http->one && http1_is_holding(http, way);
}

const uint8_t *http_released(const struct http *http, unsigned way, size_t *ret_n)
{
	return http->one ? http1_released(http, way, ret_n) : NULL;
}

const uint8_t *http_held(const struct http *http, unsigned way, size_t *ret_n)
{
	return http->one ? http1_held(http, way, ret_n) : NULL;
}

void http_sent(struct http *http, unsigned way, size_t n)
{
	http1_sent(http, way, n);
}

void http_conclude(struct http *http, unsigned way, bool is_released, char *page)
{
	http1_conclude(http, way, is_released, page);
}

void http_drop_answer(struct http *http)
{
	if (http->answer)
		explicit_bzero(http->answer, http->n_answer);
	free(http->answer);
	http->answer = NULL;
	http->n_answer = 0;
}

void http_fail(struct http *http, enum http_anomaly anomaly)
{
	if (http->is_over)
		return;
	http->anomaly = anomaly;
	http->is_over = true;
}

struct exchange *http_begin(struct http *http, uint32_t stream)
{
	struct exchange **link = &http->first, *exchange;

	if (http->n_exchanges >= HTTP_EXCHANGES_MAX) {
		http_fail(http, HTTP_TOO_MANY);
		return NULL;
	}
	exchange = exchange_new(http->n_begun);
	if (!exchange) {
		http_fail(http, HTTP_NO_MEMORY);
		return NULL;
	}
	http->n_begun++;
	http->n_exchanges++;
	exchange->stream = stream;
	while (*link)
		link = &(*link)->next;
	*link = exchange;
	return exchange;
}

void http_end(struct http *http, struct exchange *exchange)
{
	struct exchange **link = &http->first;

	while (*link != exchange)
		link = &(*link)->next;
	*link = exchange->next;
	http->n_exchanges--;
	http->hooks.report(http->hooks.context, exchange);
	exchange_free(exchange);
}

bool http_judge(struct http *http, struct exchange *exchange, char **ret_page)
{
	bool is_allowed =
		!http->hooks.judge || http->hooks.judge(http->hooks.context, exchange, ret_page);

	exchange->is_refused = !is_allowed;
	exchange_cut_target(exchange);
	return is_allowed;
}
