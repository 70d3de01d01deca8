/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The events about HTTP; doc/http.md says what they mean. */
#include <string.h>

#include "base/clock.h"
#include "conn/describe.h"
#include "conn/report.h"
#include "conn/worker.h"
#include "http/http.h"

static struct line *begin(struct conn *conn, uint64_t wall_us)
{
	struct line *line = &conn->worker->line;

	line_begin(line, EVENT_HTTP, wall_us);
	describe_ends(line, conn);
	return line;
}

static void put(struct conn *conn)
{
	events_put_line(conn->worker->engine->events, EVENT_HTTP, &conn->worker->line);
}

static void set_flag(struct line *line, const char *key, bool flag)
{
	if (flag)
		line_flag(line, key, true);
}

static void describe_protocol(struct line *line, const struct exchange *exchange)
{
	char version[] = "HTTP/1.0";

	version[7] = (char)('0' + exchange->version);
	line_text(line, "protocol", exchange->stream > 0 ? "HTTP/2" : version);
	if (exchange->stream == 0)
		return;
	line_object(line, "http2");
	line_number(line, "stream_id", exchange->stream);
	line_object_end(line);
}

static void describe_scan(struct line *line, const char *key, const struct scan *scan)
{
	if (scan->verdict == SCAN_NONE)
		return;
	line_object(line, key);
	line_text(line, "verdict", scan_verdict_text(scan->verdict));
	line_number(line, "ms", scan->ms);
	if (scan->found[0])
		line_text(line, "found", scan->found);
	set_flag(line, "blocked", scan->is_blocked);
	line_object_end(line);
}

static void describe_exchange(struct line *line, const struct conn *conn,
			      const struct exchange *exchange)
{
	bool is_whole = exchange->is_request_over && exchange->is_response_over;

	describe_protocol(line, exchange);
	line_text(line, "hostname", exchange->host);
	line_text(line, "url", exchange->target);
	line_text(line, "http_method", exchange->method);
	line_text(line, "http_user_agent", exchange->user_agent);
	line_text(line, "http_refer", exchange->referer);
	if (exchange->status > 0)
		line_number(line, "status", exchange->status);
	line_text(line, "http_content_type", exchange->content_type);
	line_number(line, "request_length", exchange->request_bytes);
	line_number(line, "length", exchange->response_bytes);
	if (exchange->is_upgraded)
		line_text(line, "upgrade", exchange->upgrade);
	set_flag(line, "refused", exchange->is_refused);
	describe_scan(line, "icap", &exchange->scans[HTTP_TO_CLIENT]);
	describe_scan(line, "icap_request", &exchange->scans[HTTP_TO_SERVER]);
	set_flag(line, "pushed", exchange->is_pushed);
	set_flag(line, "incomplete", !is_whole && !exchange->is_refused && !exchange->is_upgraded);
	set_flag(line, "other_host",
		 conn->hello->has_sni && exchange->host[0] &&
			 strcmp(exchange->host, conn->hello->host) != 0);
}

void report_exchange(struct conn *conn, const struct exchange *exchange, const struct verdict *rule)
{
	struct line *line;

	if (!events_are_wanted(conn->worker->engine->events, EVENT_HTTP))
		return;
	line = begin(conn, exchange->began);
	line_number(line, "tx_id", exchange->number);
	line_object(line, "http");
	describe_exchange(line, conn, exchange);
	line_object_end(line);
	if (rule)
		describe_rule(line, rule);
	put(conn);
}

void report_unreadable(struct conn *conn, bool is_http2, const char *why)
{
	struct line *line;

	if (!events_are_wanted(conn->worker->engine->events, EVENT_HTTP))
		return;
	line = begin(conn, clock_wall_us());
	line_object(line, "http");
	line_text(line, "protocol", is_http2 ? "HTTP/2" : "HTTP/1");
	line_text(line, "anomaly", why);
	line_object_end(line);
	put(conn);
}
