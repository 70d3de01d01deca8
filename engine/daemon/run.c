/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine process. Its main thread starts everything and then waits for three things: a signal,
 * a new line to certgen from the supervisor, the supervisor's end. All connections are the
 * workers'.
 */
#include "daemon/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conn/worker.h"
#include "daemon/handover.h"
#include "daemon/privilege.h"
#include "net/tproxy.h"

struct running {
	struct engine engine;
	struct worker *workers;
	unsigned n_workers;
	unsigned n_started;
	const char *path;
	int control;
};

static int listen_on(const union addr *addr, uint32_t mark, bool is_first)
{
	char text[ADDR_TEXT_MAX];
	int r = is_first ? tproxy_probe_port(addr) : 0;

	if (r == 0)
		r = tproxy_listen(addr, mark);
	if (r < 0)
		log_error("cannot listen on %s port %u: %s", addr_text(addr, text), addr_port(addr),
			  strerror(-r));
	return r;
}

static int listen_all(struct running *run, const struct config *config, int (*listeners)[2])
{
	const union addr *addrs[2] = { &config->listen.ipv4, &config->listen.ipv6 };

	for (unsigned family = 0; family < 2; family++) {
		for (unsigned i = 0; i < run->n_workers; i++) {
			listeners[i][family] = -1;
			if (addrs[family]->sa.sa_family == AF_UNSPEC)
				continue;
			listeners[i][family] =
				listen_on(addrs[family], config->mark_listener, i == 0);
			if (listeners[i][family] < 0)
				return listeners[i][family];
		}
	}
	return 0;
}

/* Everything that is read with the rights the engine keeps, so that a reload can read it too. */
static int prepare(struct running *run, struct config *config)
{
	struct engine *engine = &run->engine;
	struct config_error error;
	int r = settings_new(config, &engine->settings, &error);

	if (r < 0) {
		log_error("%s", error.text);
		config_free(config);
		return r;
	}
	pthread_mutex_init(&engine->lock, NULL);
	atomic_init(&engine->n_flows, clock_wall_us());
	r = json_log_open(config->log.connections, &engine->log);
	if (r < 0) {
		log_error("log.connections: %s: %s", config->log.connections, strerror(-r));
		return r;
	}
	engine->learned = learned_new(config->learn.max_entries);
	if (tls_init() < 0 || !engine->learned || !(engine->leaf_keys = leaf_keys_new())) {
		log_error("cannot make the keys of the forged leaves");
		return -ENOMEM;
	}
	return 0;
}

static int start(struct running *run, int (*listeners)[2], const int *certgen)
{
	for (unsigned i = 0; i < run->n_workers; i++) {
		int r = worker_init(&run->workers[i], &run->engine, listeners[i], certgen[i]);

		if (r == 0)
			r = worker_start(&run->workers[i]);
		if (r < 0) {
			log_error("cannot start worker %u: %s", i, strerror(-r));
			return r;
		}
		run->n_started++;
	}
	return 0;
}

static void stop(struct running *run)
{
	struct engine *engine = &run->engine;

	atomic_store(&engine->is_stopping, true);
	for (unsigned i = 0; i < run->n_started; i++)
		worker_wake(&run->workers[i]);
	for (unsigned i = 0; i < run->n_started; i++) {
		pthread_join(run->workers[i].thread, NULL);
		worker_deinit(&run->workers[i]);
	}
	leaf_keys_free(engine->leaf_keys);
	tls_deinit();
	learned_free(engine->learned);
	json_log_free(engine->log);
	settings_unref(engine->settings);
	free(run->workers);
}

/* --- reload --- */

static bool needs_restart(const struct config *a, const struct config *b)
{
	return !addr_equal(&a->listen.ipv4, &b->listen.ipv4) ||
	       !addr_equal(&a->listen.ipv6, &b->listen.ipv6) || a->workers != b->workers ||
	       strcmp(a->user, b->user) != 0 || a->mark_listener != b->mark_listener ||
	       memcmp(&a->ca, &b->ca, sizeof(a->ca)) != 0 ||
	       memcmp(&a->certgen, &b->certgen, sizeof(a->certgen)) != 0 ||
	       strcmp(a->log.connections, b->log.connections) != 0 ||
	       a->learn.max_entries != b->learn.max_entries;
}

static void reload(struct running *run)
{
	struct engine *engine = &run->engine;
	struct config_error error;
	struct settings *settings;
	struct config *config;
	int r = json_log_reopen(engine->log);

	if (r < 0)
		log_error("log.connections: cannot be reopened, the old file goes on: %s",
			  strerror(-r));
	if (config_load(run->path, &config, &error) < 0) {
		log_error("%s", error.text);
		log_error("not reloaded: the old configuration stays in force");
		return;
	}
	if (settings_new(config, &settings, &error) < 0) {
		log_error("%s", error.text);
		log_error("not reloaded: the old configuration stays in force");
		config_free(config);
		return;
	}
	if (needs_restart(engine->settings->config, config))
		log_warning("reloaded, but listen, workers, user, marks.listener, ca, certgen, "
			    "learn.max_entries and log.connections change only by a restart");
	engine_set_settings(engine, settings);
	log_info("reloaded %s", run->path);
}

/* --- waiting --- */

static void adopt_certgen(struct running *run)
{
	int fds[RUN_WORKERS_MAX];
	int n = handover_receive(run->control, fds, run->n_workers);

	for (int i = 0; i < n; i++)
		worker_set_certgen(&run->workers[i], fds[i]);
}

/* False: time to stop. */
static bool on_signal(struct running *run, int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo == SIGHUP)
		reload(run);
	return info.ssi_signo == SIGHUP;
}

static void wait_for_end(struct running *run, int signals)
{
	struct pollfd fds[] = { { .fd = signals, .events = POLLIN },
				{ .fd = run->control, .events = POLLIN } };

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if ((fds[0].revents & POLLIN) && !on_signal(run, signals))
			return;
		if (fds[1].revents & (POLLHUP | POLLERR)) { /* which brings POLLIN, too */
			log_error("the supervisor is gone");
			return;
		}
		if (fds[1].revents & POLLIN)
			adopt_certgen(run);
	}
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int run_engine(struct config *config, const char *path, const int *certgen, unsigned n_workers,
	       int control)
{
	struct running run = { .n_workers = n_workers, .path = path, .control = control };
	int listeners[RUN_WORKERS_MAX][2];
	int signals = signals_open();
	int r;

	privilege_raise_descriptors();
	run.workers = calloc(n_workers, sizeof(*run.workers));
	if (!run.workers || signals < 0 || listen_all(&run, config, listeners) < 0 ||
	    privilege_drop(config->user, config->core_dumps) < 0) {
		config_free(config);
		free(run.workers);
		return 1;
	}
	if (chdir(config->state_dir) < 0)
		log_warning("state_dir: %s: %s", config->state_dir, strerror(errno));
	r = prepare(&run, config);
	if (r == 0)
		r = start(&run, listeners, certgen);
	if (r == 0) {
		log_info("ready: %u workers, configuration %s", n_workers, path);
		wait_for_end(&run, signals);
		log_info("stopping");
	}
	stop(&run);
	close(signals);
	close(control);
	return r == 0 ? 0 : 1;
}
