/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "web/frame.h"
#include "web/guard.h"
#include "web/health.h"
#include "web/overview.h"
#include "web/prometheus.h"
#include "web/roster.h"
#include "web/token.h"

enum {
	CONNECTIONS = 32,
	IDLE_S = 10,
	MEMORY = 16384, /* of a connection: its request and header fields */
	FORM_MAX = 4096,
	FIELD_MAX = 1024,
	SAY_AGAIN_US = 10000000,
};

struct server {
	struct site *site;
	struct MHD_Daemon *daemon;
	pthread_mutex_t store;           /* one at a time reads all that is learned */
	atomic_uint_fast64_t wrong_said; /* us, that a token was wrong; 0: never */
};

/* A request, until it is answered. */
struct request {
	struct MHD_Connection *connection;
	struct server *server;
	struct MHD_PostProcessor *form; /* NULL: it has none */
	size_t n_form;
	bool is_wrong; /* the form is */
	char token[FIELD_MAX], order[FIELD_MAX];
	size_t n_token, n_order;
};

/* --- answers --- */

static const char *header_of(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* The response is dropped. */
static enum MHD_Result send_response(const struct request *request, unsigned code,
				     struct MHD_Response *response, const char *type)
{
	static const char *const fields[][2] = {
		{ "Content-Security-Policy",
		  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
		  "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'" },
		{ "X-Frame-Options", "DENY" },
		{ "X-Content-Type-Options", "nosniff" },
		/* With no-referrer, browsers would say that a form of ours comes from nowhere. */
		{ "Referrer-Policy", "same-origin" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cache-Control", "no-store" },
	};
	enum MHD_Result result = MHD_YES;

	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && result == MHD_YES; i++)
		result = MHD_add_response_header(response, fields[i][0], fields[i][1]);
	if (result == MHD_YES)
		result = MHD_add_response_header(response, "Content-Type", type);
	if (result == MHD_YES)
		result = MHD_queue_response(request->connection, code, response);
	MHD_destroy_response(response);
	return result;
}

/* The text is taken over. */
static enum MHD_Result send_text(const struct request *request, unsigned code, struct text *text,
				 const char *type)
{
	struct MHD_Response *response = NULL;

	if (!text->has_failed)
		response = MHD_create_response_from_buffer(text->n, text->bytes,
							   MHD_RESPMEM_MUST_FREE);
	if (!response)
		text_free(text);
	return send_response(request, code, response, type);
}

static enum MHD_Result send_line(const struct request *request, unsigned code, const char *line)
{
	struct text text = { .bytes = NULL };

	text_add(&text, "%s\n", line);
	return send_text(request, code, &text, "text/plain; charset=utf-8");
}

static enum MHD_Result send_html(const struct request *request, struct text *text)
{
	return send_text(request, MHD_HTTP_OK, text, "text/html; charset=utf-8");
}

/* --- what there is --- */

static enum MHD_Result get_metrics(struct request *request)
{
	const struct site *site = request->server->site;
	struct text text = { .bytes = NULL };
	struct queues queues;
	struct prometheus numbers = { .status = site->status,
				      .metrics = site->metrics,
				      .queues = &queues,
				      .now = clock_us() / 1000 };

	queues_read(site->queues, site->config->gate.queue, &queues);
	prometheus_write(&text, &numbers);
	return send_text(request, MHD_HTTP_OK, &text, "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result get_health(struct request *request)
{
	char why[HEALTH_WHY_MAX];
	bool is_well = health_is_alive(request->server->site->status, clock_us() / 1000, why);

	return send_line(request, is_well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
			 is_well ? "ok" : why);
}

static enum MHD_Result get_ready(struct request *request)
{
	char why[HEALTH_WHY_MAX];
	bool is_well = health_is_ready(request->server->site->status, clock_us() / 1000, why);

	return send_line(request, is_well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
			 is_well ? "ok" : why);
}

static void add_overview(struct request *request, struct text *text)
{
	struct site *site = request->server->site;
	struct overview overview = { .status = site->status,
				     .metrics = site->metrics,
				     .history = &site->history,
				     .now = clock_us() / 1000 };

	pthread_mutex_lock(&site->lock);
	if (overview_write(text, &overview) < 0)
		text->has_failed = true;
	pthread_mutex_unlock(&site->lock);
}

static enum MHD_Result get_live(struct request *request)
{
	struct text text = { .bytes = NULL };

	add_overview(request, &text);
	return send_html(request, &text);
}

static enum MHD_Result get_overview(struct request *request)
{
	struct text text = { .bytes = NULL };

	frame_begin(&text, FRAME_OVERVIEW);
	add_overview(request, &text);
	frame_end(&text);
	return send_html(request, &text);
}

static enum MHD_Result get_file(struct request *request, const char *path)
{
	const char *type;
	size_t n;
	const unsigned char *bytes = frame_file(path, &n, &type);

	if (!bytes)
		return send_line(request, MHD_HTTP_NOT_FOUND, "There is no such page.");
	return send_response(request, MHD_HTTP_OK,
			     MHD_create_response_from_buffer(n, (void *)(uintptr_t)bytes,
							     MHD_RESPMEM_PERSISTENT),
			     type);
}

/* --- learned hosts --- */

static const char *argument_of(const struct request *request, const char *name)
{
	const char *value =
		MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);

	return value ? value : "";
}

static void read_query(const struct request *request, struct roster_query *query)
{
	unsigned long page = strtoul(argument_of(request, "page"), NULL, 10);

	*query = (struct roster_query){ .page = page < ROSTER_PAGES ? (unsigned)page : 0 };
	snprintf(query->find, sizeof(query->find), "%s", argument_of(request, "find"));
	snprintf(query->state, sizeof(query->state), "%s", argument_of(request, "state"));
}

/* Over a network that is not this machine's, the token would be anybody's. */
static bool is_peer_local(const struct request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	union addr peer = { 0 };

	if (request->server->site->is_unix)
		return true;
	if (!info || !info->client_addr)
		return false;
	if (info->client_addr->sa_family == AF_INET)
		peer.v4 = *(const struct sockaddr_in *)(const void *)info->client_addr;
	else if (info->client_addr->sa_family == AF_INET6)
		peer.v6 = *(const struct sockaddr_in6 *)(const void *)info->client_addr;
	else
		return false;
	return addr_is_loopback(&peer);
}

static bool may_change(const struct request *request)
{
	return strcmp(request->server->site->config->web.token, "none") != 0 &&
	       is_peer_local(request);
}

/* "said" is a number, so that nobody can put words into our page. */
static const char *said_of(const struct request *request)
{
	static const char *const words[] = { "Approved: posternd passes it from now on.",
					     "Forbidden: posternd never passes it.",
					     "Forgotten: nothing is known of it.",
					     "There is no such entry any more." };
	unsigned long said = strtoul(argument_of(request, "said"), NULL, 10);

	return said >= 1 && said <= sizeof(words) / sizeof(words[0]) ? words[said - 1] : NULL;
}

static enum MHD_Result get_hosts(struct request *request)
{
	struct server *server = request->server;
	struct text text = { .bytes = NULL };
	struct roster_query query;
	struct roster hosts;
	int r;

	read_query(request, &query);
	pthread_mutex_lock(&server->store);
	r = roster_load(server->site->config, &query, &hosts);
	pthread_mutex_unlock(&server->store);
	if (r < 0) {
		roster_free(&hosts);
		return send_line(request, MHD_HTTP_SERVICE_UNAVAILABLE,
				 "The store of learned servers cannot be read.");
	}
	frame_begin(&text, FRAME_HOSTS);
	roster_write(&text, &hosts, &query, said_of(request), may_change(request));
	frame_end(&text);
	roster_free(&hosts);
	return send_html(request, &text);
}

/* The page is asked for anew, or going back and reloading would give the order again. */
static enum MHD_Result see_other(const struct request *request, unsigned said)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
	char location[32];

	snprintf(location, sizeof(location), "/hosts?said=%u", said);
	if (response && MHD_add_response_header(response, "Location", location) == MHD_NO) {
		MHD_destroy_response(response);
		response = NULL;
	}
	return send_response(request, MHD_HTTP_SEE_OTHER, response, "text/plain; charset=utf-8");
}

/* Somebody may be guessing. */
static void say_wrong_token(struct server *server)
{
	uint64_t now = clock_us(), before = atomic_load(&server->wrong_said);

	if ((before == 0 || now - before > SAY_AGAIN_US) &&
	    atomic_compare_exchange_strong(&server->wrong_said, &before, now))
		log_warning("an order came with a wrong token (web.token)");
}

static enum MHD_Result post_hosts(struct request *request)
{
	struct server *server = request->server;
	struct roster_order order;
	int r;

	if (!may_change(request))
		return send_line(request, MHD_HTTP_FORBIDDEN,
				 "Nothing can be changed from here: web.token is none, or you are "
				 "on another machine.");
	if (!guard_is_same_origin(header_of(request, "Origin"),
				  header_of(request, "Sec-Fetch-Site"), header_of(request, "Host")))
		return send_line(request, MHD_HTTP_FORBIDDEN, "Another site's page asked this.");
	if (request->n_form > FORM_MAX)
		return send_line(request, MHD_HTTP_CONTENT_TOO_LARGE, "That is too much.");
	if (!token_is(server->site->config->web.token, request->token)) {
		say_wrong_token(server);
		return send_line(request, MHD_HTTP_FORBIDDEN,
				 "The token is wrong: postern web token prints it.");
	}
	if (request->is_wrong || !roster_order_read(request->order, &order))
		return send_line(request, MHD_HTTP_BAD_REQUEST, "That is no order.");
	pthread_mutex_lock(&server->store);
	r = roster_order_do(server->site->config, &order);
	pthread_mutex_unlock(&server->store);
	if (r == -EIO)
		return send_line(request, MHD_HTTP_SERVICE_UNAVAILABLE,
				 "The store of learned servers cannot be written.");
	log_info("%s %s by the page: %s", order.entry.host,
		 order.verb == ROSTER_APPROVE  ? "approved"
		 : order.verb == ROSTER_FORBID ? "forbidden"
					       : "forgotten",
		 r == 0 ? "done" : "there is no such entry");
	return see_other(request, r == 0 ? (unsigned)order.verb + 1 : ROSTER_N_VERBS + 1);
}

/* --- taking requests --- */

static void take_piece(char *field, size_t *n, const char *piece, size_t n_piece, bool *is_wrong)
{
	*is_wrong |= n_piece >= FIELD_MAX - *n || memchr(piece, '\0', n_piece);
	if (*is_wrong)
		return;
	memcpy(field + *n, piece, n_piece);
	*n += n_piece;
	field[*n] = '\0';
}

static enum MHD_Result take_field(void *context, enum MHD_ValueKind kind, const char *key,
				  const char *file, const char *type, const char *encoding,
				  const char *piece, uint64_t offset, size_t n)
{
	struct request *request = context;

	(void)kind, (void)file, (void)type, (void)encoding, (void)offset;
	if (n > 0 && strcmp(key, "token") == 0)
		take_piece(request->token, &request->n_token, piece, n, &request->is_wrong);
	else if (n > 0 && strcmp(key, "do") == 0)
		take_piece(request->order, &request->n_order, piece, n, &request->is_wrong);
	return MHD_YES;
}

static void take_form(struct request *request, const char *bytes, size_t n)
{
	request->n_form += n;
	if (!request->form || request->n_form > FORM_MAX ||
	    MHD_post_process(request->form, bytes, n) != MHD_YES)
		request->is_wrong = true;
}

static enum MHD_Result answer(struct request *request, const char *method, const char *path)
{
	static const struct {
		const char *path;
		enum MHD_Result (*get)(struct request *request);
	} pages[] = {
		{ "/", get_overview },       { "/live", get_live },      { "/hosts", get_hosts },
		{ "/metrics", get_metrics }, { "/healthz", get_health }, { "/readyz", get_ready },
	};
	bool is_post = strcmp(method, "POST") == 0;

	if (!request->server->site->is_unix &&
	    !guard_is_ours(header_of(request, "Host"), request->server->site->config->web.name))
		return send_line(request, MHD_HTTP_MISDIRECTED_REQUEST,
				 "This name is not ours: see web.name in postern.conf(5).");
	if (is_post && strcmp(path, "/hosts") == 0)
		return post_hosts(request);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return send_line(request, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET and HEAD.");
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcmp(path, pages[i].path) == 0)
			return pages[i].get(request);
	return get_file(request, path);
}

/* Called first without a body, then for each piece of it, then for the answer. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
			      const char *method, const char *version, const char *body, size_t *n,
			      void **state)
{
	struct request *request = *state;

	(void)version;
	if (!request) {
		request = calloc(1, sizeof(*request));
		if (!request)
			return MHD_NO;
		request->connection = connection;
		request->server = context;
		if (strcmp(method, "POST") == 0)
			request->form = MHD_create_post_processor(connection, FIELD_MAX, take_field,
								  request);
		*state = request;
		return MHD_YES;
	}
	if (*n > 0) {
		take_form(request, body, *n);
		*n = 0;
		return MHD_YES;
	}
	return answer(request, method, path);
}

static void forget(void *context, struct MHD_Connection *connection, void **state,
		   enum MHD_RequestTerminationCode why)
{
	struct request *request = *state;

	(void)context, (void)connection, (void)why;
	if (!request)
		return;
	if (request->form)
		(void)MHD_destroy_post_processor(request->form);
	explicit_bzero(request->token, sizeof(request->token));
	free(request);
	*state = NULL;
}

static void complain(void *context, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

static void complain(void *context, const char *format, va_list arguments)
{
	char text[256];

	(void)context;
	(void)vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	log_debug("%s", text);
}

int server_start(struct site *site, int listener, struct server **ret_server)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server) {
		close(listener);
		return -ENOMEM;
	}
	server->site = site;
	pthread_mutex_init(&server->store, NULL);
	server->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
			MHD_USE_ERROR_LOG | MHD_USE_ITC,
		0, NULL, NULL, handle, server, MHD_OPTION_EXTERNAL_LOGGER, complain, NULL,
		MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_NOTIFY_COMPLETED, forget, NULL,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
		MHD_OPTION_END);
	if (!server->daemon) {
		close(listener);
		free(server);
		return -EIO;
	}
	*ret_server = server;
	return 0;
}

void server_stop(struct server *server)
{
	MHD_stop_daemon(server->daemon); /* waits for its threads */
	pthread_mutex_destroy(&server->store);
	free(server);
}
