/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_ICAP_H
#define POSTERN_CONN_ICAP_H

#include "base/sock.h"
#include "http/http.h"
#include "http/icap.h"
#include "policy/config.h"

/*
 * Bodies on their way to the ICAP server (icap.url), and its verdicts. One per worker, in its loop:
 * a few connections that are kept, one question at a time on each, the others wait in a line. A
 * question has icap.timeout for all of it, the waiting included.
 */
struct worker;
struct icap_line;

/* A body whose verdict is awaited. */
struct icap_job {
	struct icap_job *prev, *next; /* in the order they came */
	struct icap_line *line;       /* NULL: it waits for one */
	const struct exchange *exchange;
	const struct held *held;
	unsigned way;
	char client[ADDR_TEXT_MAX];
	uint64_t began, due;  /* ms */
	bool has_failed_once; /* on a connection that the server was about to close */
	/* The job is freed behind it. */
	void (*done)(void *context, unsigned way, const struct scan *scan);
	void *context;
};

/* All zero is ready. */
struct icap {
	struct held_budget budget;
	char url[ICAP_URL_MAX]; /* that the lines lead to */
	struct icap_url to;
	uint32_t mark;
	uint64_t timeout;     /* ms, for a connection */
	unsigned n_lines_max; /* as configured */
	struct icap_options options;
	uint64_t options_until; /* ms; 0: they are not known */
	struct icap_line *lines;
	struct icap_line *dead; /* to be freed after the batch */
	unsigned n_lines;
	struct icap_job *jobs;
	bool has_said; /* that it does not work */
};

void icap_deinit(struct icap *icap);

/*
 * Hands over a body, which must stay where it is until done() was called, later, or icap_cancel().
 * NULL: no memory.
 */
struct icap_job *icap_ask(struct worker *worker, const struct config *config,
			  const struct icap_job *model);
void icap_cancel(struct worker *worker, struct icap_job *job);

/* For worker.c: a line is ready; once in each turn, behind all events; a wish for another turn. */
void icap_run(struct worker *worker, struct sock *sock);
void icap_turn(struct worker *worker);

#endif
