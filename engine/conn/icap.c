/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A line is a connection to the server, and goes through these states:
 *
 *     DIALLING   until it is connected
 *     IDLE       kept; its end is the server's right
 *     ASKING     what the service can do (OPTIONS), before its first body and when that is outdated
 *     BUSY       a body: the preview, then the rest if the server wants it, then the verdict
 *
 * A line whose reply cannot be the last of what comes is dropped, never resynchronised: whatever
 * the server sends may be an attack on the parser, and must not become the verdict on another body.
 */
#include "conn/icap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "conn/worker.h"
#include "net/tproxy.h"

enum {
	N_PARTS = 4,
	OPTIONS_TTL_MAX = 3600, /* s */
	OPTIONS_TTL = 300,      /* when the server does not say */
};

enum line_state { LINE_DIALLING, LINE_IDLE, LINE_ASKING, LINE_BUSY, LINE_DEAD };

struct part {
	const void *at;
	size_t n;
};

struct icap_line {
	struct icap_line *prev, *next;
	struct sock sock;
	enum line_state state;
	uint64_t due; /* ms, of a dial and of OPTIONS */
	struct icap_job *job;
	bool has_served;
	bool is_previewing; /* the rest of the body waits for "100 Continue" */
	char *head;         /* of the question; owned */
	size_t n_head;
	size_t n_body_sent;
	char options[ICAP_OPTIONS_MAX];
	char chunk[ICAP_CHUNK_ROOM];
	struct part parts[N_PARTS]; /* to be sent */
	unsigned n_parts;
	uint8_t reply[ICAP_REPLY_MAX];
	size_t n_reply;
};

/* --- lines --- */

static void line_clear(struct icap_line *line)
{
	if (line->head)
		explicit_bzero(line->head, line->n_head);
	free(line->head);
	line->head = NULL;
	line->n_head = line->n_body_sent = line->n_reply = 0;
	line->n_parts = 0;
	line->is_previewing = false;
	if (line->job)
		line->job->line = NULL;
	line->job = NULL;
}

static void line_drop(struct icap *icap, struct icap_line *line)
{
	line_clear(line);
	sock_close(&line->sock);
	line->state = LINE_DEAD;
	DL_DELETE(icap->lines, line);
	icap->n_lines--;
	LL_PREPEND(icap->dead, line);
}

static void free_dead(struct icap *icap)
{
	struct icap_line *line, *next;

	LL_FOREACH_SAFE(icap->dead, line, next)
	free(line);
	icap->dead = NULL;
}

static int line_dial(struct worker *worker)
{
	struct icap *icap = &worker->icap;
	struct icap_line *line = calloc(1, sizeof(*line));
	int r;

	if (!line)
		return -ENOMEM;
	r = tproxy_dial(&icap->to.addr, NULL, icap->mark, false);
	if (r >= 0) {
		line->sock = (struct sock){ .fd = r, .kind = SOCK_ICAP };
		r = loop_watch(&worker->loop, &line->sock);
		if (r < 0)
			sock_close(&line->sock);
	}
	if (r < 0) {
		free(line);
		return r;
	}
	line->state = LINE_DIALLING;
	line->due = worker->loop.now + icap->timeout;
	DL_APPEND(icap->lines, line);
	icap->n_lines++;
	return 0;
}

/* --- jobs --- */

static void job_free(struct icap *icap, struct icap_job *job)
{
	DL_DELETE(icap->jobs, job);
	free(job);
}

static void job_end(struct worker *worker, struct icap_job *job, struct scan scan)
{
	scan.ms = (uint32_t)(worker->loop.now - job->began);
	if (job->line)
		job->line->job = NULL;
	job->done(job->context, job->way, &scan);
	job_free(&worker->icap, job);
}

static void say(struct icap *icap, const char *what, const char *why)
{
	if (!icap->has_said)
		log_warning("ICAP server %s: %s: %s", icap->url, what, why);
	icap->has_said = true;
}

/* Those that wait: nobody will take them. */
static void fail_waiting(struct worker *worker)
{
	struct icap_job *job, *next;

	DL_FOREACH_SAFE(worker->icap.jobs, job, next)
	if (!job->line)
		job_end(worker, job, (struct scan){ .verdict = SCAN_FAILED });
}

static struct icap_job *first_waiting(const struct icap *icap)
{
	struct icap_job *job;

	DL_FOREACH(icap->jobs, job)
	if (!job->line)
		return job;
	return NULL;
}

/* The line is of no use any more. Where it was kept for too long, its body is asked about again. */
static void line_fail(struct worker *worker, struct icap_line *line, const char *why)
{
	struct icap *icap = &worker->icap;
	struct icap_job *job = line->job;
	bool is_stale = line->has_served && line->n_reply == 0;
	enum line_state state = line->state;

	line_drop(icap, line);
	if (job && is_stale && !job->has_failed_once) {
		job->has_failed_once = true;
		return;
	}
	if (state == LINE_IDLE || (state == LINE_ASKING && is_stale))
		return;
	say(icap, state == LINE_DIALLING ? "no connection" : "no verdict", why);
	if (job)
		job_end(worker, job, (struct scan){ .verdict = SCAN_FAILED });
	else if (icap->n_lines == 0 || state == LINE_ASKING)
		fail_waiting(worker);
}

/* --- questions --- */

static void add_part(struct icap_line *line, const void *at, size_t n)
{
	if (n > 0)
		line->parts[line->n_parts++] = (struct part){ .at = at, .n = n };
}

/* Up to `n` bytes more of the body, and what ends them. */
static void add_chunk(struct icap_line *line, size_t n, const char *end)
{
	size_t n_body;
	const uint8_t *body = held_body(line->job->held, &n_body);

	if (n > 0) {
		add_part(line, line->chunk, icap_begin_chunk(n, line->chunk));
		add_part(line, body + line->n_body_sent, n);
	}
	add_part(line, end, strlen(end));
	line->n_body_sent += n;
}

static bool begin_body(struct worker *worker, struct icap_line *line, struct icap_job *job)
{
	const struct icap *icap = &worker->icap;
	size_t n_body;
	struct icap_question question = {
		.url = icap->url,
		.authority = icap->to.authority,
		.client = job->client,
		.is_request = job->way == HTTP_TO_SERVER,
		.exchange = job->exchange,
		.head = job->held->wire.at,
		.n_head = job->held->n_head,
		.has_preview = icap->options.has_preview,
	};
	size_t n = 0;

	(void)held_body(job->held, &n_body);
	question.preview = icap->options.preview < n_body ? icap->options.preview : n_body;
	line->head = icap_write_question(&question, &n);
	if (!line->head)
		return false;
	line->n_head = n;
	line->state = LINE_BUSY;
	line->job = job;
	job->line = line;
	add_part(line, line->head, n);
	line->is_previewing = question.has_preview && question.preview < n_body;
	if (line->is_previewing)
		add_chunk(line, question.preview, question.preview ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
	else
		add_chunk(line, n_body,
			  question.has_preview ? "\r\n0; ieof\r\n\r\n" : "\r\n0\r\n\r\n");
	return true;
}

static void begin_options(struct worker *worker, struct icap_line *line)
{
	struct icap *icap = &worker->icap;
	size_t n = icap_write_options(icap->url, icap->to.authority, line->options);

	line->state = LINE_ASKING;
	line->due = worker->loop.now + icap->timeout;
	add_part(line, line->options, n);
}

/* --- replies --- */

static void end_options(struct worker *worker, struct icap_line *line,
			const struct icap_reply *reply)
{
	struct icap *icap = &worker->icap;
	uint32_t ttl = reply->options.ttl ? reply->options.ttl : OPTIONS_TTL;

	if (reply->status != 200 || !reply->options.has_204) {
		line_fail(worker, line,
			  reply->status != 200 ? "the service is unknown there"
					       : "it must allow the answer 204");
		return;
	}
	icap->options = reply->options;
	icap->options_until =
		worker->loop.now + 1000ULL * (ttl < OPTIONS_TTL_MAX ? ttl : OPTIONS_TTL_MAX);
	line_clear(line);
	line->state = LINE_IDLE;
	if (reply->is_last)
		line_drop(icap, line);
}

static enum scan_verdict verdict_of(const struct icap_reply *reply)
{
	switch (reply->status) {
	case 204:
		return SCAN_CLEAN;
	case 200:
	case 206:
	case 403:
		return reply->found[0] ? SCAN_INFECTED : SCAN_REPLACED;
	default:
		return SCAN_FAILED;
	}
}

static void end_body(struct worker *worker, struct icap_line *line, const struct icap_reply *reply)
{
	struct icap *icap = &worker->icap;
	struct icap_job *job = line->job;
	struct scan scan = { .verdict = verdict_of(reply) };
	char why[32];

	if (scan.verdict == SCAN_INFECTED)
		memcpy(scan.found, reply->found, sizeof(scan.found));
	snprintf(why, sizeof(why), "status %u", reply->status);
	if (scan.verdict == SCAN_FAILED)
		say(icap, "no verdict", why);
	else
		icap->has_said = false;
	/* Had it said so before it had all of it, the rest would be taken for the next question. */
	if (reply->status != 204 || reply->is_last || line->n_parts > 0 || line->is_previewing) {
		line_drop(icap, line);
	} else {
		line_clear(line);
		line->state = LINE_IDLE;
		line->has_served = true;
	}
	job_end(worker, job, scan);
}

static void go_on(struct worker *worker, struct icap_line *line)
{
	size_t n_body;

	if (!line->is_previewing || line->n_parts > 0) {
		line_fail(worker, line, "100 Continue out of turn");
		return;
	}
	(void)held_body(line->job->held, &n_body);
	line->is_previewing = false;
	line->n_reply = 0;
	add_chunk(line, n_body - line->n_body_sent, "\r\n0\r\n\r\n");
}

/* One reply, which must be all that came. */
static void take_reply(struct worker *worker, struct icap_line *line)
{
	struct icap_reply reply;
	size_t n = 0;

	switch (icap_read(line->reply, line->n_reply, &reply, &n)) {
	case ICAP_MORE:
		return;
	case ICAP_BROKEN:
		line_fail(worker, line, "no ICAP");
		return;
	case ICAP_WHOLE:
		break;
	}
	if (n < line->n_reply)
		reply.is_last = true;
	if (line->state == LINE_ASKING)
		end_options(worker, line, &reply);
	else if (reply.status == 100)
		go_on(worker, line);
	else
		end_body(worker, line, &reply);
}

/* --- moving --- */

/* 0, or -errno. */
static int send_parts(struct icap_line *line)
{
	while (line->n_parts > 0) {
		struct part *part = &line->parts[0];
		ssize_t n = sock_send(&line->sock, part->at, part->n);

		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		part->at = (const uint8_t *)part->at + n;
		part->n -= (size_t)n;
		if (part->n > 0)
			continue;
		line->n_parts--;
		memmove(line->parts, line->parts + 1, line->n_parts * sizeof(line->parts[0]));
	}
	return 0;
}

/* Whether something came. */
static bool receive(struct worker *worker, struct icap_line *line)
{
	ssize_t n = sock_recv(&line->sock, line->reply + line->n_reply,
			      sizeof(line->reply) - line->n_reply);

	if (n == -EAGAIN)
		return false;
	if (n <= 0 || line->state == LINE_IDLE) {
		line_fail(worker, line, n < 0 ? strerror((int)-n) : "the connection ended");
		return false;
	}
	line->n_reply += (size_t)n;
	take_reply(worker, line);
	return true;
}

static void line_run(struct worker *worker, struct icap_line *line)
{
	int r;

	if (line->state == LINE_DIALLING) {
		if (!line->sock.writable)
			return;
		r = tproxy_dial_result(line->sock.fd);
		if (r < 0) {
			line_fail(worker, line, strerror(-r));
			return;
		}
		line->state = LINE_IDLE;
	}
	do {
		/* What the server says to a question that it did not read to its end counts. */
		r = send_parts(line);
		if (r < 0)
			line->n_parts = 0;
	} while (line->state != LINE_DEAD && receive(worker, line) && line->state != LINE_DEAD);
}

/* Bodies that wait, onto lines that are free; and more lines, as far as may be. */
static unsigned lines_max(const struct worker *worker)
{
	const struct icap *icap = &worker->icap;
	unsigned n = icap->options_until ? icap->options.max_connections : 0;

	if (worker->engine->n_workers > 0)
		n /= worker->engine->n_workers;
	return n > 0 && n < icap->n_lines_max ? n : icap->n_lines_max;
}

static bool serves(const struct icap *icap, const struct icap_job *job)
{
	return job->way == HTTP_TO_SERVER ? icap->options.has_reqmod : icap->options.has_respmod;
}

/* False: nothing could be done with it. */
static bool engage(struct worker *worker, struct icap_line *line)
{
	struct icap *icap = &worker->icap;
	struct icap_job *job = first_waiting(icap);

	if (!job)
		return false;
	if (worker->loop.now >= icap->options_until) {
		begin_options(worker, line);
	} else if (!serves(icap, job)) {
		say(icap, "no verdict", "it does not judge such messages");
		job_end(worker, job, (struct scan){ .verdict = SCAN_FAILED });
		return true;
	} else if (!begin_body(worker, line, job)) {
		job_end(worker, job, (struct scan){ .verdict = SCAN_NO_MEMORY });
		return true;
	}
	line_run(worker, line);
	return true;
}

static struct icap_line *idle_line(const struct icap *icap)
{
	struct icap_line *line;

	DL_FOREACH(icap->lines, line)
	if (line->state == LINE_IDLE)
		return line;
	return NULL;
}

/* Lines that will take one of those that wait. */
static unsigned n_coming(const struct icap *icap)
{
	struct icap_line *line;
	unsigned n = 0;

	DL_FOREACH(icap->lines, line)
	n += line->state == LINE_DIALLING || line->state == LINE_ASKING;
	return n;
}

static unsigned n_waiting(const struct icap *icap)
{
	struct icap_job *job;
	unsigned n = 0;

	DL_FOREACH(icap->jobs, job)
	if (!job->line && ++n > icap->n_lines_max)
		break;
	return n;
}

static void distribute(struct worker *worker)
{
	struct icap *icap = &worker->icap;
	struct icap_line *line;
	int r = 0;

	while ((line = idle_line(icap)) && engage(worker, line))
		;
	while (r == 0 && n_waiting(icap) > n_coming(icap) && icap->n_lines < lines_max(worker))
		r = line_dial(worker);
	if (r < 0)
		say(icap, "no connection", strerror(-r));
	if (r < 0 && icap->n_lines == 0)
		fail_waiting(worker);
}

/* --- from outside --- */

void icap_run(struct worker *worker, struct sock *sock)
{
	struct icap_line *line =
		(struct icap_line *)((char *)sock - offsetof(struct icap_line, sock));

	if (line->state != LINE_DEAD)
		line_run(worker, line);
}

void icap_turn(struct worker *worker)
{
	struct icap *icap = &worker->icap;
	uint64_t now = worker->loop.now;
	struct icap_line *line, *next;
	struct icap_job *job, *next_job;

	if (icap->jobs) {
		DL_FOREACH_SAFE(icap->lines, line, next)
		if ((line->state == LINE_DIALLING || line->state == LINE_ASKING) &&
		    now >= line->due)
			line_fail(worker, line, "no answer in time");
		DL_FOREACH_SAFE(icap->jobs, job, next_job)
		{
			if (now < job->due)
				break;
			say(icap, "no verdict", "not in time");
			if (job->line)
				line_drop(icap, job->line);
			job_end(worker, job, (struct scan){ .verdict = SCAN_TIMEOUT });
		}
		distribute(worker);
	}
	free_dead(icap);
}

/* Other settings: lines to another server are no use. */
static void configure(struct worker *worker, const struct config *config)
{
	struct icap *icap = &worker->icap;
	struct icap_line *line, *next;

	icap->timeout = config->icap.timeout;
	icap->n_lines_max = config->icap.connections;
	icap->mark = config->mark_upstream;
	if (strcmp(icap->url, config->icap.url) == 0)
		return;
	memcpy(icap->url, config->icap.url, sizeof(icap->url));
	(void)icap_url_read(icap->url, &icap->to);
	icap->options_until = 0;
	icap->has_said = false;
	DL_FOREACH_SAFE(icap->lines, line, next)
	line_drop(icap, line); /* its body is asked about again, there */
}

struct icap_job *icap_ask(struct worker *worker, const struct config *config,
			  const struct icap_job *model)
{
	struct icap_job *job = malloc(sizeof(*job));

	if (!job)
		return NULL;
	configure(worker, config);
	*job = *model;
	job->began = worker->loop.now;
	job->due = job->began + config->icap.timeout;
	DL_APPEND(worker->icap.jobs, job);
	return job;
}

void icap_cancel(struct worker *worker, struct icap_job *job)
{
	if (job->line)
		line_drop(&worker->icap, job->line);
	job_free(&worker->icap, job);
}

void icap_deinit(struct icap *icap)
{
	struct icap_line *line, *next;

	DL_FOREACH_SAFE(icap->lines, line, next)
	line_drop(icap, line);
	free_dead(icap);
}
