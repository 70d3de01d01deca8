/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/exchanges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn/report.h"
#include "conn/worker.h"
#include "http/http.h"
#include "http/page.h"
#include "policy/urlpath.h"

struct exchanges {
	struct conn *conn;
	struct http *http;
	enum http_version version;
	bool is_strict; /* a rule with a path names this server: what cannot be read is the end */
	bool has_said;  /* that it cannot be read */
	struct verdict refusal; /* the rule of the last */
	struct http_scanner scanner;
	struct icap_job *jobs[2];   /* of the bodies that are judged now */
	struct exchange *judged[2]; /* whose they are */
	enum end end;               /* of a connection in which something was refused */
};

/* --- judging --- */

/* Who asked, and for what: the host is the request's, whatever the hello said. */
static struct subject subject_of(const struct conn *conn, const char *host)
{
	return (struct subject){ .client = conn->client_addr,
				 .server = conn->server_addr,
				 .host = host && host[0] ? host : conn->hello->host };
}

static char *page_of(const struct conn *conn, const struct exchange *exchange)
{
	char client[ADDR_TEXT_MAX], id[24], path[128], *page;
	struct page_fields fields = { .host = exchange->host, .path = path, .id = id };

	fields.client = addr_text(&conn->client_addr, client);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)conn->flow_id);
	exchange_text(path, sizeof(path), exchange->target, strcspn(exchange->target, "?"));
	page = page_render(conn->settings->page, &fields, HTTP_PAGE_MAX);
	explicit_bzero(path, sizeof(path));
	return page;
}

static bool judge(void *context, const struct exchange *exchange, char **ret_page)
{
	struct exchanges *exchanges = context;
	const struct conn *conn = exchanges->conn;
	struct subject subject = subject_of(conn, exchange->host);
	struct verdict verdict;
	struct urlpath path;

	urlpath_read(exchange->target, exchange->n_target, &path);
	verdict = ruleset_decide_request(config_of(conn)->rules, &subject, &path);
	explicit_bzero(&path, sizeof(path)); /* somebody's plaintext */
	if (verdict.action != ACTION_BLOCK)
		return true;
	exchanges->refusal = verdict;
	exchanges->end = END_BLOCKED_URL;
	*ret_page = page_of(conn, exchange);
	return false;
}

/* --- bodies --- */

static bool wants(void *context, unsigned way, const struct exchange *exchange)
{
	const struct exchanges *exchanges = context;

	(void)exchange;
	return way == HTTP_TO_CLIENT || config_of(exchanges->conn)->icap.requests;
}

/* Whether it is refused. */
static bool settle(struct exchanges *exchanges, unsigned way, struct exchange *exchange,
		   const struct scan *scan, char **ret_page)
{
	const struct config *config = config_of(exchanges->conn);
	enum action action =
		scan->verdict == SCAN_TOO_LARGE ? config->icap.oversized : config->icap.on_failure;

	bool is_bad = scan->verdict == SCAN_INFECTED || scan->verdict == SCAN_REPLACED;

	exchange->scans[way] = *scan;
	if (scan->verdict == SCAN_CLEAN || (!is_bad && action == ACTION_PASS))
		return false;
	exchanges->end = is_bad ? END_BLOCKED_BODY : END_UNSCANNED;
	*ret_page = page_of(exchanges->conn, exchange);
	return true;
}

static bool refuses(void *context, unsigned way, struct exchange *exchange, enum scan_verdict why,
		    char **ret_page)
{
	return settle(context, way, exchange, &(struct scan){ .verdict = why }, ret_page);
}

/* The exchange outlives the job: it is that of the job. */
static void conclude(void *context, unsigned way, const struct scan *scan)
{
	struct exchanges *exchanges = context;
	struct exchange *exchange = exchanges->judged[way];
	char *page = NULL;
	bool is_refused;

	exchanges->jobs[way] = NULL;
	is_refused = settle(exchanges, way, exchange, scan, &page);
	http_conclude(exchanges->http, way, !is_refused, page);
	worker_ready(exchanges->conn);
}

static enum http_answer scan(void *context, unsigned way, struct exchange *exchange,
			     const struct held *held, char **ret_page)
{
	struct exchanges *exchanges = context;
	struct conn *conn = exchanges->conn;
	struct icap_job job = { .exchange = exchange,
				.held = held,
				.way = way,
				.done = conclude,
				.context = exchanges };
	size_t n;

	(void)held_body(held, &n);
	if (n == 0)
		return HTTP_RELEASE;
	(void)addr_text(&conn->client_addr, job.client);
	exchanges->judged[way] = exchange;
	exchanges->jobs[way] = icap_ask(conn->worker, config_of(conn), &job);
	if (exchanges->jobs[way])
		return HTTP_WAIT;
	return refuses(exchanges, way, exchange, SCAN_NO_MEMORY, ret_page) ? HTTP_REFUSE
									   : HTTP_RELEASE;
}

static void prepare_scanner(struct exchanges *exchanges)
{
	const struct config *config = config_of(exchanges->conn);
	struct held_budget *budget = &exchanges->conn->worker->icap.budget;

	budget->limit = config->icap.max_memory;
	exchanges->scanner = (struct http_scanner){ .wants = wants,
						    .scan = scan,
						    .refuses = refuses,
						    .max = config->icap.max_body,
						    .budget = budget };
}

/* --- reporting --- */

static bool is_logged(const struct exchanges *exchanges)
{
	return config_of(exchanges->conn)->http.events;
}

/* A body that was not judged, or should not have come. */
static bool is_unclean(const struct exchange *exchange)
{
	return exchange->scans[HTTP_TO_SERVER].verdict > SCAN_CLEAN ||
	       exchange->scans[HTTP_TO_CLIENT].verdict > SCAN_CLEAN;
}

static void report(void *context, const struct exchange *exchange)
{
	const struct exchanges *exchanges = context;

	if (exchange->is_refused || is_unclean(exchange) || is_logged(exchanges))
		report_exchange(exchanges->conn, exchange,
				exchange->is_refused ? &exchanges->refusal : NULL);
}

static void say_unreadable(struct exchanges *exchanges)
{
	if (exchanges->has_said || exchanges->http->anomaly == HTTP_SOUND)
		return;
	exchanges->has_said = true;
	if (exchanges->is_strict || is_logged(exchanges))
		report_unreadable(exchanges->conn, exchanges->version == HTTP_2,
				  http_anomaly_text(exchanges->http->anomaly));
}

/* --- the connection --- */

/* By what both agreed on in the handshake; without that it is tried as HTTP/1. */
static bool is_http(const struct conn *conn, enum http_version *ret_version)
{
	struct session_facts facts = session_facts(conn->downstream);

	*ret_version = HTTP_1;
	if (!facts.alpn || strcmp(facts.alpn, "http/1.1") == 0 ||
	    strcmp(facts.alpn, "http/1.0") == 0)
		return true;
	*ret_version = HTTP_2;
	return strcmp(facts.alpn, "h2") == 0;
}

/* What cannot be read could be what is to be refused, or judged. */
static bool must_be_read(const struct conn *conn)
{
	const struct config *config = config_of(conn);
	struct subject subject = subject_of(conn, NULL);

	return (config->http.unreadable == ACTION_BLOCK &&
		ruleset_has_paths_for(config->rules, &subject)) ||
	       (conn->verdict.is_scanned && config->icap.on_failure == ACTION_BLOCK);
}

/* False: no memory. */
static bool begin(struct conn *conn, enum http_version version, bool is_strict)
{
	struct exchanges *exchanges = calloc(1, sizeof(*exchanges));
	struct http_hooks hooks = { .context = exchanges, .report = report };

	if (!exchanges)
		return false;
	exchanges->conn = conn;
	exchanges->version = version;
	exchanges->is_strict = is_strict;
	if (ruleset_has_paths(config_of(conn)->rules))
		hooks.judge = judge;
	if (conn->verdict.is_scanned && version == HTTP_1) {
		prepare_scanner(exchanges);
		hooks.scanner = &exchanges->scanner;
	}
	if (http_new(version, &hooks, &exchanges->http) < 0) {
		free(exchanges);
		return false;
	}
	conn->exchanges = exchanges;
	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++)
		relay_filter(&conn->relay[way], exchanges, way);
	return true;
}

enum exchanges_begun exchanges_begin(struct conn *conn)
{
	const struct config *config = config_of(conn);
	bool is_judged = ruleset_has_paths(config->rules) || conn->verdict.is_scanned;
	enum http_version version;
	bool is_strict;

	if (!is_judged && !config->http.events)
		return EXCHANGES_BEGUN;
	is_strict = must_be_read(conn);
	if (!is_http(conn, &version))
		return is_strict ? EXCHANGES_UNREADABLE : EXCHANGES_BEGUN;
	/* The client offered nothing else. */
	if (version == HTTP_2 && conn->verdict.is_scanned &&
	    config->icap.on_failure == ACTION_BLOCK)
		return EXCHANGES_UNREADABLE;
	if (!begin(conn, version, is_strict) && is_judged)
		return EXCHANGES_NO_MEMORY;
	return EXCHANGES_BEGUN;
}

void exchanges_end(struct conn *conn)
{
	if (!conn->exchanges)
		return;
	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++) {
		relay_filter(&conn->relay[way], NULL, way);
		if (conn->exchanges->jobs[way])
			icap_cancel(conn->worker, conn->exchanges->jobs[way]);
	}
	http_free(conn->exchanges->http);
	free(conn->exchanges);
	conn->exchanges = NULL;
}

bool exchanges_is_cut(const struct exchanges *exchanges)
{
	const struct http *http = exchanges->http;

	return http->anomaly != HTTP_SOUND && (exchanges->is_strict || http->has_refused);
}

bool exchanges_is_settled(const struct exchanges *exchanges)
{
	return http_is_settled(exchanges->http);
}

enum end exchanges_settled_end(const struct exchanges *exchanges)
{
	return exchanges->end;
}

uint64_t exchanges_bytes(const struct exchanges *exchanges)
{
	return exchanges->http->n_held_bytes;
}

bool exchanges_is_holding(const struct exchanges *exchanges, unsigned way)
{
	return http_is_holding(exchanges->http, way);
}

const uint8_t *exchanges_released(const struct exchanges *exchanges, unsigned way, size_t *ret_n)
{
	return http_released(exchanges->http, way, ret_n);
}

void exchanges_sent(struct exchanges *exchanges, unsigned way, size_t n)
{
	http_sent(exchanges->http, way, n);
}

const uint8_t *exchanges_held(const struct exchanges *exchanges, unsigned way, size_t *ret_n)
{
	return http_held(exchanges->http, way, ret_n);
}

size_t exchanges_read(struct exchanges *exchanges, unsigned way, uint8_t *bytes, size_t n_held,
		      size_t *n)
{
	size_t n_free = http_read(exchanges->http, way, bytes, n_held, n);

	say_unreadable(exchanges);
	return exchanges_is_cut(exchanges) ? 0 : n_free;
}

void exchanges_finish(struct exchanges *exchanges, unsigned way, size_t n_held)
{
	http_finish(exchanges->http, way, n_held);
}
