/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine process. Its main thread starts everything and then waits for three things: a signal,
 * a new line to certgen from the supervisor, the supervisor's end. All connections are the
 * workers'. The listeners are the supervisor's, and only lent: so they outlive this process.
 */
#include "daemon/run.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/handover.h"
#include "base/log.h"
#include "conn/count.h"
#include "conn/worker.h"
#include "daemon/announce.h"
#include "daemon/fetcher.h"
#include "daemon/listeners.h"
#include "daemon/privilege.h"
#include "policy/load.h"
#include "tls/kernel_probe.h"

enum {
	DESCRIPTORS_PER_CONNECTION = 2,
	/* One part in so many is for pipes; who gets none does without (net/splice.h). */
	PIPES_SHARE = 16,
};

struct running {
	struct engine engine;
	struct worker *workers;
	unsigned n_workers;
	unsigned n_started;
	struct announcer announcer;
	const char *path;
	int control;
	int fetchers[LISTENERS_WORKERS]; /* of each worker: its line to the fetcher */
	uint64_t first_flow;
	uint64_t drained; /* ms, when what is left is ended; 0: not draining */
};

static struct learned_options learned_options(const struct config *config)
{
	struct learned_options options = LEARNED_DEFAULTS;

	options.max = config->learn.max_entries;
	options.siblings = config->learn.siblings;
	options.per_client = config->learn.per_client;
	return options;
}

static struct pinned_options pinned_options(const struct config *config)
{
	return (struct pinned_options){ .refusals = config->pinned.refusals,
					.clients = config->pinned.clients,
					.window = 1000 * config->pinned.window };
}

static int open_outputs(struct engine *engine, const struct config *config)
{
	char error[EVENTS_ERROR_SIZE] = "log.outputs: no memory";
	int r = events_new(config->log.queue, &engine->events);

	if (r == 0)
		r = events_configure(engine->events, config->log.outputs, config->log.n_outputs,
				     error);
	if (r < 0)
		log_error("%s", error);
	return r;
}

/* What goes to disk in the clear, or out of the process, is said at each start and reload. */
static void warn_of_records(const struct config *config, const struct recorder_options *options)
{
	if (options->files.folder)
		log_warning("capture.folder: decrypted traffic is written to %s",
			    options->files.folder);
	if (options->listen)
		log_warning("capture.listen: decrypted traffic is there for whoever reaches %s",
			    options->listen);
	if (options->key_log)
		log_warning("tls.key_log: the keys of EVERY connection are written to %s: whoever "
			    "reads it can read the traffic",
			    config->tls.key_log);
}

/* NULL for "none". */
static const char *given(const char *text)
{
	return strcmp(text, "none") == 0 ? NULL : text;
}

static int set_recorder(struct recorder *recorder, const struct config *config)
{
	struct recorder_options options = {
		.files = { .folder = given(config->capture.folder),
			   .size = (uint64_t)config->capture.size << 20,
			   .age = config->capture.age,
			   .files = config->capture.n_files },
		.listen = given(config->capture.listen),
		.key_log = given(config->tls.key_log),
	};
	const char *key;
	int r = recorder_set_options(recorder, &options, &key);

	if (r < 0)
		log_error("%s: %s", key,
			  r == -EPERM ? "not this user's own file, closed to others"
				      : strerror(-r));
	else
		warn_of_records(config, &options);
	return r;
}

/* With the rights of those who will use it. */
static void set_kernel_tls(struct engine *engine, const struct config *config)
{
	enum kernel_tls ability = KERNEL_TLS_NONE;
	const char *why;

	if (config->tls.kernel) {
		ability = kernel_tls_probe(&why);
		if (ability == KERNEL_TLS_NONE)
			log_warning("tls.kernel: this kernel has no TLS (%s): the engine seals and "
				    "opens every record itself",
				    why);
		else
			log_info("tls.kernel: %s%s%s", kernel_tls_text(ability), *why ? "; " : "",
				 why);
	}
	atomic_store(&engine->kernel_tls, ability);
	engine->status->kernel_tls = config->tls.kernel ? 1 + ability : 0;
}

/* Everything that is read with the rights the engine keeps, so that a reload can read it too. */
static int prepare(struct running *run, struct config *config)
{
	struct engine *engine = &run->engine;
	struct learned_options options;
	struct pinned_options pinned;
	struct config_error error;
	int r = settings_new(config, &engine->settings, &error);

	if (r < 0) {
		log_error("%s", error.text);
		config_free(config);
		return r;
	}
	pthread_mutex_init(&engine->lock, NULL);
	set_kernel_tls(engine, config);
	run->first_flow = clock_wall_us();
	atomic_init(&engine->n_flows, run->first_flow);
	r = open_outputs(engine, config);
	if (r < 0)
		return r;
	r = recorder_new(&engine->recorder);
	if (r == 0)
		r = set_recorder(engine->recorder, config);
	if (r < 0)
		return r;
	options = learned_options(config);
	options.listener = (struct learned_listener){ announce_decision, engine };
	r = learned_open(&options, config->learn.store, &engine->learned);
	if (r < 0) {
		log_error("learn.store: %s: %s", config->learn.store,
			  r == -EINVAL ? "no such kind of store" : strerror(-r));
		return r;
	}
	engine->exclusive = exclusive_new(config->learn.max_entries);
	pinned = pinned_options(config);
	engine->pinned = pinned_new(&pinned);
	if (tls_init() < 0 || !engine->learned || !engine->exclusive || !engine->pinned ||
	    !(engine->leaf_keys = leaf_keys_new()) ||
	    !(engine->tickets = tickets_new(clock_us() / 1000))) {
		log_error("cannot make the keys of the forged leaves and of tickets");
		return -ENOMEM;
	}
	return 0;
}

static int start(struct running *run, const struct run *given)
{
	run->engine.n_workers = run->n_workers;
	for (unsigned i = 0; i < run->n_workers; i++) {
		int r = worker_init(&run->workers[i], &run->engine, i, given->listeners[i],
				    given->certgen[i], run->fetchers[i]);

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
	tickets_free(engine->tickets);
	leaf_keys_free(engine->leaf_keys);
	tls_deinit();
	pinned_free(engine->pinned);
	exclusive_free(engine->exclusive);
	learned_free(engine->learned);
	announcer_deinit(&run->announcer);
	recorder_free(engine->recorder);
	events_free(engine->events);
	settings_unref(engine->settings);
	free(run->workers);
}

/* --- reload --- */

static bool needs_restart(const struct config *a, const struct config *b)
{
	return !addr_equal(&a->listen.ipv4, &b->listen.ipv4) ||
	       !addr_equal(&a->listen.ipv6, &b->listen.ipv6) || a->workers != b->workers ||
	       strcmp(a->user, b->user) != 0 || a->mark_listener != b->mark_listener ||
	       a->log.queue != b->log.queue || a->learn.max_entries != b->learn.max_entries ||
	       strcmp(a->learn.store, b->learn.store) != 0;
}

/* What can fail. The outputs come last: once they are changed, all is. */
static int load(struct running *run, struct settings **ret_settings, struct config_error *ret_error)
{
	struct settings *settings;
	struct config *config;
	int r = config_load(run->path, &config, ret_error);

	if (r < 0)
		return r;
	r = settings_new(config, &settings, ret_error);
	if (r < 0) {
		config_free(config);
		return r;
	}
	r = events_configure(run->engine.events, config->log.outputs, config->log.n_outputs,
			     ret_error->text);
	if (r < 0) {
		settings_unref(settings);
		return r;
	}
	*ret_settings = settings;
	return 0;
}

/* False: the old configuration stays in force. */
static bool reload(struct running *run)
{
	struct engine *engine = &run->engine;
	const struct config *config;
	struct pinned_options pinned;
	struct learned_options options;
	struct config_error error;
	struct settings *settings;

	events_reopen(engine->events);
	if (load(run, &settings, &error) < 0) {
		log_error("%s", error.text);
		log_error("not reloaded: the old configuration stays in force");
		announce_reload(&run->announcer, error.text);
		return false;
	}
	config = settings->config;
	if (set_recorder(engine->recorder, config) < 0)
		log_error("what was recorded before goes on");
	if (needs_restart(engine->settings->config, config))
		log_warning("reloaded, but listen, workers, user, marks.listener, "
			    "learn.max_entries, learn.store and log.queue change only by a "
			    "restart");
	options = learned_options(config);
	learned_set_options(engine->learned, &options);
	pinned = pinned_options(config);
	pinned_set_options(engine->pinned, &pinned);
	set_kernel_tls(engine, config);
	engine_set_settings(engine, settings);
	for (unsigned i = 0; i < run->n_workers; i++)
		review_ask(&run->workers[i]);
	announce_reload(&run->announcer, NULL);
	log_info("reloaded %s", run->path);
	return true;
}

/* An engine that drains says nothing: another one's answer is waited for. */
static void reload_and_tell(struct running *run)
{
	struct status *status = run->engine.status;
	bool is_done = reload(run);

	if (run->drained > 0)
		return;
	if (is_done)
		status->reloads++;
	else
		status->reload_failures++;
}

/* --- waiting --- */

static void adopt_certgen(struct running *run)
{
	int fds[HANDOVER_MAX];
	int n = handover_receive(run->control, fds, run->n_workers);

	for (int i = 0; i < n; i++)
		worker_set_certgen(&run->workers[i], fds[i]);
}

static void drain(struct running *run)
{
	struct settings *settings = engine_settings(&run->engine);

	run->drained = clock_us() / 1000 + settings->config->timeouts.drain;
	settings_unref(settings);
	log_info("another engine took over: ending with the last of %u connections",
		 atomic_load(&run->engine.n_connections));
	atomic_store(&run->engine.is_draining, true);
	recorder_leave(run->engine.recorder);
	for (unsigned i = 0; i < run->n_workers; i++)
		worker_wake(&run->workers[i]);
}

static bool is_drained(struct running *run)
{
	if (run->drained == 0)
		return false;
	for (unsigned i = 0; i < run->n_workers; i++)
		if (!atomic_load(&run->workers[i].has_left))
			return false;
	return atomic_load(&run->engine.n_connections) == 0 || clock_us() / 1000 >= run->drained;
}

/* False: time to stop. */
static bool on_signal(struct running *run, int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo == SIGHUP)
		reload_and_tell(run);
	else if (info.ssi_signo == SIGUSR1 && run->drained == 0)
		drain(run);
	return info.ssi_signo != SIGTERM;
}

static void tell_records(struct status *status, struct recorder *recorder)
{
	struct recorder_counts counts = recorder_counts(recorder);

	status->has_capture_files = counts.has_files;
	status->has_capture_listener = counts.has_listener;
	status->has_key_log = counts.has_key_log;
	status->capture_clients = counts.clients;
	status->capture_packets = counts.packets;
	status->capture_dropped = counts.dropped;
	status->capture_lost = counts.lost;
}

/* The numbers of the status page, which need not be of this very moment; and events. */
static void tell(struct running *run)
{
	const struct config *config =
		run->engine.settings->config; /* only this thread changes it */
	struct engine *engine = &run->engine;
	uint64_t oldest = UINT64_MAX, n_unrecorded = 0;

	for (unsigned i = 0; i < run->n_workers; i++) {
		uint64_t turned = atomic_load(&run->workers[i].turned);

		n_unrecorded += run->workers[i].forge.n_unrecorded;
		if (turned < oldest)
			oldest = turned;
	}
	engine->status->turned = oldest;
	tell_records(engine->status, engine->recorder);
	engine->status->n_connections = atomic_load(&engine->n_connections);
	engine->status->unrecorded = n_unrecorded;
	engine->status->n_flows = atomic_load(&engine->n_flows) - run->first_flow;
	if (run->drained == 0) /* or it is the new engine's to say */
		announce_mode(&run->announcer);
	announce_stats(&run->announcer, config->log.stats_interval);
}

static void wait_for_end(struct running *run, int signals)
{
	struct pollfd fds[] = { { .fd = signals, .events = POLLIN },
				{ .fd = run->control, .events = POLLIN } };

	while (!is_drained(run)) {
		tell(run);
		count_engine(&run->engine, run->workers, run->n_workers);
		tickets_rotate(run->engine.tickets, clock_us() / 1000);
		settings_refresh(run->engine.settings, clock_us() / 1000);
		if (poll(fds, 2, STATUS_BEAT_MS) < 0)
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
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* How many connections fit into the table of descriptors beside what is open already. */
static unsigned room(unsigned n_workers)
{
	/* Those that workers are about to open, and a reload's. */
	const unsigned others = 2 * n_workers + 4;
	struct rlimit limit = { 0 };
	int lowest_free = dup(STDERR_FILENO);
	rlim_t n;

	close(lowest_free);
	if (lowest_free < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1;
	n = (rlim_t)lowest_free + others + limit.rlim_cur / PIPES_SHARE;
	n = limit.rlim_cur > n ? limit.rlim_cur - n : 0;
	n /= DESCRIPTORS_PER_CONNECTION;
	return n < 1 ? 1 : n < INT_MAX ? (unsigned)n : INT_MAX;
}

int run_engine(const struct run *given)
{
	struct config *config = given->config;
	struct running run = { .n_workers = given->n_workers,
			       .path = given->path,
			       .control = given->control,
			       .engine = { .status = given->status,
					   .metrics = given->metrics,
					   .gate_line = given->gate_line } };
	int signals = signals_open();
	int r;

	privilege_raise_descriptors();
	if (config->tls.kernel)
		kernel_tls_load();
	run.workers = calloc(run.n_workers, sizeof(*run.workers));
	if (!run.workers || signals < 0 ||
	    privilege_drop(config->user, CAP_NET_RAW, config->core_dumps) < 0) {
		config_free(config);
		free(run.workers);
		return 1;
	}
	if (fetcher_start(run.n_workers, run.fetchers) < 0) {
		log_error("cannot start the fetcher: %s", strerror(errno));
		config_free(config);
		free(run.workers);
		return 1;
	}
	if (chdir(config->state_dir) < 0)
		log_warning("state_dir: %s: %s", config->state_dir, strerror(errno));
	r = prepare(&run, config);
	run.engine.room = room(run.n_workers);
	if (r == 0)
		r = start(&run, given);
	if (r == 0) {
		announcer_init(&run.announcer, &run.engine, run.workers, run.n_workers);
		given->status->n_workers = run.n_workers;
		wait_for_end(&run, signals);
		log_info("stopping");
	}
	stop(&run);
	close(signals);
	close(run.control);
	close(run.engine.gate_line);
	return r == 0 ? 0 : 1;
}
