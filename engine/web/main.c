/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * postern-web: metrics, health and the page. It is started by posternd, as the engine's user and
 * without any capability, with a listening socket that is open already; it maps the memory in which
 * the others count, to read it, and opens the store of learned servers. It has no key, sees no
 * traffic, has few system calls, and nothing waits for it. It ends when posternd does, which it
 * notices by `control`.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "policy/load.h"
#include "policy/reason.h"
#include "policy/value.h"
#include "web/confine.h"
#include "web/server.h"
#include "web/token.h"

struct options {
	const char *config;
	int listener, control, queues;
};

/* -1: none, as it may be said. */
static int descriptor(const char *text)
{
	uint64_t number;

	return value_number(text, 0, INT_MAX, &number) ? (int)number : -1;
}

static bool parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "listener", required_argument, NULL, 'l' },
		{ "control", required_argument, NULL, 'C' },
		{ "queues", required_argument, NULL, 'q' },
		{ NULL, 0, NULL, 0 },
	};
	int letter;

	*options = (struct options){ .listener = -1, .control = -1, .queues = -1 };
	while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
		int number = optarg ? descriptor(optarg) : -1;

		if (letter == 'c')
			options->config = optarg;
		else if (letter == 'l')
			options->listener = number;
		else if (letter == 'C')
			options->control = number;
		else if (letter == 'q')
			options->queues = number;
		else
			return false;
	}
	return optind == argc && options->config && options->listener >= 0 && options->control >= 0;
}

/* Whoever runs this machine may be asked for the file; without it, nothing can be changed. */
static void prepare_token(const struct config *config)
{
	int r;

	if (strcmp(config->web.token, "none") == 0)
		return;
	r = token_make(config->web.token);
	if (r < 0)
		log_warning("web.token: %s: %s: the page can change nothing", config->web.token,
			    strerror(-r));
}

static bool is_unix(int listener)
{
	struct sockaddr_storage addr;
	socklen_t n = sizeof(addr);

	return getsockname(listener, (struct sockaddr *)&addr, &n) == 0 &&
	       addr.ss_family == AF_UNIX;
}

static int open_site(const struct options *options, struct site *site, struct config **ret_config)
{
	const struct config *config;
	struct config_error error;
	int r;

	if (config_load(options->config, ret_config, &error) < 0) {
		log_error("%s", error.text);
		return -EINVAL;
	}
	config = site->config = *ret_config;
	r = status_open(config->status_file, &site->status);
	if (r == 0)
		r = metrics_open(config->status_file, reason_lists(), &site->metrics);
	if (r < 0)
		log_error("status_file: %s: %s", config->status_file, strerror(-r));
	site->queues = options->queues;
	site->is_unix = is_unix(options->listener);
	pthread_mutex_init(&site->lock, NULL);
	return r;
}

static int confine(const struct config *config)
{
	int r = confine_enter(config->learn.store);

	if (r == -ENOSYS) /* of a kernel without filters, certgen has spoken */
		return 0;
	if (r < 0)
		log_error("system calls cannot be filtered: %s", strerror(-r));
	return r;
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	signal(SIGINT, SIG_IGN); /* Ctrl-C reaches it too, but posternd ends first */
	signal(SIGHUP, SIG_IGN); /* another configuration is another process */
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void run(struct site *site, int signals, int control)
{
	struct pollfd fds[] = { { .fd = signals, .events = POLLIN },
				{ .fd = control, .events = POLLIN } };
	uint64_t next = 0;

	for (;;) {
		uint64_t now = clock_us() / 1000;

		if (now >= next) {
			pthread_mutex_lock(&site->lock);
			history_add(&site->history, site->metrics, clock_us());
			pthread_mutex_unlock(&site->lock);
			next = now + HISTORY_STEP_MS;
		}
		if (poll(fds, 2, (int)(next - now)) > 0)
			return;
	}
}

int main(int argc, char **argv)
{
	struct options options;
	struct server *server;
	struct config *config = NULL;
	struct site *site;
	int signals, r;

	if (!parse(argc, argv, &options)) {
		fputs("usage: postern-web --config FILE --listener FD --control FD [--queues FD]\n"
		      "It is started by posternd, see web.listen in postern.conf(5).\n",
		      stderr);
		return 2;
	}
	(void)prctl(PR_SET_NAME, "postern-web"); /* it was started by a descriptor */
	log_init("postern-web", LOG_LEVEL_INFO);
	signals = signals_open();
	site = calloc(1, sizeof(*site));
	if (signals < 0 || !site)
		return EXIT_FAILURE;
	r = open_site(&options, site, &config);
	if (r == 0 && !config->core_dumps)
		(void)prctl(PR_SET_DUMPABLE, 0);
	if (r == 0) {
		prepare_token(config);
		r = confine(config);
	}
	if (r == 0) {
		r = server_start(site, options.listener, &server);
	}
	if (r == 0) {
		run(site, signals, options.control);
		server_stop(server);
	}
	metrics_close(site->metrics);
	status_close(site->status);
	config_free(config);
	free(site);
	/* What would look for leaks now, does so from another process: that is for intruders. */
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}
