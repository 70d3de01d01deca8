/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page, for a terminal. The memory that posternd shares is opened anew for each frame: so it
 * does not matter whether posternd runs, hangs, or is another one by now.
 */
#include "cli/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "policy/reason.h"

enum {
	FRAME_MS = 1000,
	HOSTS_MS = 10000, /* between two looks into the store, which is read whole */
};

/* Alternate screen, no cursor; and back. */
static const char begin_screen[] = "\033[?1049h\033[?25l", end_screen[] = "\033[?25h\033[?1049l";

struct session {
	const struct config *config;
	struct history history;
	uint64_t started; /* of the metrics that it is of */
	struct roster hosts;
	bool has_hosts;
	uint64_t looked; /* ms, into the store; 0: never */
};

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
	(void)number;
	is_over = 1;
}

/* Who may not read the store sees the rest. */
static void look_for_hosts(struct session *session, uint64_t now)
{
	const struct roster_query query = { .page = 0 };
	const char *store = session->config->learn.store;

	if (session->looked > 0 && now - session->looked < HOSTS_MS)
		return;
	session->looked = now;
	roster_free(&session->hosts);
	session->has_hosts = (store[0] != '/' || access(store, R_OK | W_OK) == 0) &&
			     roster_load(session->config, &query, &session->hosts) == 0;
}

static void add_frame(struct session *session, const struct status *status,
		      const struct metrics *metrics, struct text *text)
{
	uint64_t now = clock_us() / 1000;
	struct top top = {
		.status = status, .metrics = metrics, .history = &session->history, .now = now
	};

	if (metrics->started != session->started)
		session->history.n = session->history.next = 0;
	session->started = metrics->started;
	history_add(&session->history, metrics, clock_us());
	look_for_hosts(session, now);
	top.hosts = session->has_hosts ? &session->hosts : NULL;
	top_frame(text, &top);
}

/* 0, or -errno: then the text says what is wrong. */
static int make_frame(struct session *session, struct text *text)
{
	const char *path = session->config->status_file;
	const struct metrics *metrics = NULL;
	const struct status *status = NULL;
	int r = status_open(path, &status);

	if (r == 0)
		r = metrics_open(path, reason_lists(), &metrics);
	if (r == 0)
		add_frame(session, status, metrics, text);
	else
		text_add(text, "%s: %s", path,
			 r == -EPROTO   ? "of another version of posternd"
			 : r == -ENOENT ? "posternd has not run since boot"
					: strerror(-r));
	metrics_close(metrics);
	status_close(status);
	return text->has_failed ? -ENOMEM : r;
}

/* --- the terminal --- */

/* How many bytes the first `columns` characters of the line have. */
static size_t cut(const char *line, size_t n, unsigned columns)
{
	size_t i = 0;

	for (; i < n; i++) {
		if (((unsigned char)line[i] & 0xc0) == 0x80)
			continue; /* within a character of UTF-8 */
		if (columns-- == 0)
			break;
	}
	return i;
}

/* As many lines and columns as there are: what is too much must not scroll. */
static void show(const struct text *text)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	const char *line = text->bytes;
	unsigned row = 0;

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	fputs("\033[H", stdout);
	for (; *line && row < size.ws_row; row++) {
		size_t n = strcspn(line, "\n");

		fwrite(line, 1, cut(line, n, size.ws_col), stdout);
		fputs(row + 1 < size.ws_row ? "\033[K\n" : "\033[K", stdout);
		line += n + (line[n] == '\n');
	}
	fputs("\033[J", stdout);
	fflush(stdout);
}

/* False: it is to end. */
static bool wait_for_key(void)
{
	struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
	char key;

	if (poll(&keys, 1, FRAME_MS) <= 0)
		return !is_over;
	return read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 3;
}

static void run(struct session *session)
{
	const struct sigaction action = { .sa_handler = on_signal };
	const struct sigaction resized = { .sa_handler = SIG_IGN };
	struct termios before, raw;
	bool has_keys = tcgetattr(STDIN_FILENO, &before) == 0;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGWINCH, &resized, NULL);
	if (has_keys) {
		raw = before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	fputs(begin_screen, stdout);
	do {
		struct text text = { .bytes = NULL };

		(void)make_frame(session, &text);
		if (!text.has_failed)
			show(&text);
		text_free(&text);
	} while (wait_for_key());
	fputs(end_screen, stdout);
	fflush(stdout);
	if (has_keys)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

/* Two samples, a second apart, or there would be no rates. */
static int once(struct session *session)
{
	const struct timespec second = { .tv_sec = 1 };
	struct text text = { .bytes = NULL };
	int r = make_frame(session, &text);

	text_free(&text);
	if (r == 0)
		nanosleep(&second, NULL);
	r = make_frame(session, &text);
	if (r < 0)
		r = cli_fail(CLI_FAILURE, "top: %s",
			     text.has_failed ? "out of memory" : text.bytes);
	else
		fputs(text.bytes, stdout);
	text_free(&text);
	return r;
}

int cli_top(const struct cli *cli)
{
	struct session *session = calloc(1, sizeof(*session));
	int code = CLI_OK;

	if (!session)
		return cli_fail(CLI_FAILURE, "top: out of memory");
	session->config = cli->config;
	if (cli->once || !isatty(STDOUT_FILENO))
		code = once(session);
	else
		run(session);
	roster_free(&session->hosts);
	free(session);
	return code;
}
