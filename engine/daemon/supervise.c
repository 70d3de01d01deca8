/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One loop: starts what is missing, looks how the engine does, waits for a signal.
 *
 * An engine that dies is replaced at once; meanwhile connections wait in the backlogs of the
 * listeners, which are open here. An upgrade is the same, slower: after the exec (upgrade.c) the
 * old engine and the old gate go on until the new engine is ready. Then the old engine drains, and
 * the gates change places.
 */
#include "daemon/supervise.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/handover.h"
#include "base/log.h"
#include "daemon/certgens.h"
#include "daemon/notify.h"
#include "daemon/page.h"
#include "daemon/upgrade.h"
#include "policy/load.h"

enum {
	SETTLED_MS = 500,  /* between two looks at the engine when all is well */
	UNSETTLED_MS = 10, /* when something is awaited */
	DOOR_MS = 2000,    /* for the gate to notice, before being ready is announced */
	GATE_MS = 2000,    /* for the gate to end */
	ENGINE_MS = 10000, /* for the engine to end */
	LATE_MS = 200,     /* after the door: for those who had just come through it */
	RETRY_MS = 1000,   /* after a start that failed */
};

struct supervisor {
	struct parent parent;
	char program[PATH_MAX]; /* what an upgrade starts */
	char **arguments;
	struct child engine, gate;
	struct certgens certgens;
	struct child page;                 /* started last, as nothing depends on it */
	struct child old_engine, old_gate; /* of the program before this one, still in charge */
	struct child draining[UPGRADE_DRAINING];
	unsigned n_draining;
	uint64_t began;      /* ms */
	uint64_t ready;      /* ms, since when the engine is; 0: not yet */
	bool is_announced;   /* that it is ready */
	bool was_ready;      /* any engine of this program, ever */
	uint64_t old_told;   /* ms, when the old gate was told to go; 0: not yet */
	uint64_t watchdog;   /* ms, its patience; 0: none */
	uint64_t fed;        /* ms */
	char condition[128]; /* as last told to the service manager */
};

static uint64_t now_ms(void)
{
	return clock_us() / 1000;
}

/* --- starting --- */

/* Of an engine that is not there. */
static void clear_status(struct status *status)
{
	status->engine = 0;
	status->n_workers = 0;
	status->n_connections = 0;
	status->turned = 0;
	for (unsigned i = 0; i < STATUS_WORKERS; i++)
		status->beat[i] = 0;
}

static void failed_to_start(struct child *child, const char *name, int error)
{
	log_error("%s cannot be started: %s", name, strerror(-error));
	child->due = now_ms() + RETRY_MS;
}

static void start_engine(struct supervisor *s)
{
	int lines[LISTENERS_WORKERS];
	int r = certgens_start(&s->certgens, &s->parent, lines);

	if (r == 0) {
		r = child_start_engine(&s->parent, lines, &s->engine);
		for (unsigned i = 0; i < s->parent.listeners.n; i++)
			close(lines[i]);
	}
	if (r < 0) {
		failed_to_start(&s->engine, "the engine", r);
		return;
	}
	s->parent.status->engine = (uint32_t)s->engine.pid;
	s->parent.status->engine_starts++;
}

static void restart_certgen(struct supervisor *s)
{
	int r = certgens_restart(&s->certgens, &s->parent, &s->engine);

	if (r < 0)
		failed_to_start(&s->certgens.current, "certgen", r);
	else
		log_info("certgen was started again");
}

static void start_gate(struct supervisor *s)
{
	int r = child_start_gate(&s->parent, &s->gate);

	if (r < 0) {
		failed_to_start(&s->gate, "the gate", r);
		return;
	}
	s->parent.status->gate = (uint32_t)s->gate.pid;
	s->parent.status->gate_starts++;
}

static bool is_due(const struct child *child)
{
	return child->pid == 0 && now_ms() >= child->due;
}

static void start_missing(struct supervisor *s)
{
	if (is_due(&s->engine))
		start_engine(s);
	if (is_due(&s->certgens.current) && s->engine.pid > 0)
		restart_certgen(s);
	if (is_due(&s->gate) && s->old_gate.pid == 0)
		start_gate(s);
	/* Nothing depends on it. */
	if (s->is_announced || now_ms() - s->began >= DOOR_MS)
		page_tend(&s->parent, &s->page);
	s->parent.status->certgen = (uint32_t)s->certgens.current.pid;
}

/* --- ending --- */

/* False: the first engine ended before it was ready, and so would the next. */
static bool on_engine_end(struct supervisor *s, int status)
{
	child_ended(&s->engine, "the engine", status);
	s->ready = 0;
	s->is_announced = false;
	s->parent.status->engine = 0;
	s->parent.status->turned = 0;
	/* The next one is faster than the beats grow stale: the door need not move. */
	if (!is_due(&s->engine))
		clear_status(s->parent.status);
	certgens_leave(&s->certgens);
	s->parent.status->certgen = 0;
	return s->was_ready || s->old_engine.pid > 0;
}

static void on_draining_end(struct supervisor *s, pid_t pid, int status)
{
	for (unsigned i = 0; i < s->n_draining; i++) {
		if (s->draining[i].pid != pid)
			continue;
		child_ended(&s->draining[i], "an older engine", status);
		s->draining[i] = s->draining[--s->n_draining];
		s->parent.status->draining = s->n_draining;
		log_info("an older engine has ended, %u still drain", s->n_draining);
		return;
	}
}

/* False: as on_engine_end(). */
static bool reap(struct supervisor *s)
{
	bool is_well = true;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->engine.pid) {
			is_well = on_engine_end(s, status);
		} else if (pid == s->gate.pid) {
			child_ended(&s->gate, "the gate", status);
			s->parent.status->gate = 0;
		} else if (pid == s->page.pid) {
			page_ended(&s->page, status);
		} else if (pid == s->old_engine.pid) {
			child_ended(&s->old_engine, "the old engine", status);
		} else if (pid == s->old_gate.pid) {
			child_ended(&s->old_gate, "the old gate", status);
		} else if (!certgens_ended(&s->certgens, pid, status)) {
			on_draining_end(s, pid, status);
		}
	}
	return is_well;
}

/* The door first, then those who had just come through it, then the engine and its connections. */
static int stop(struct supervisor *s)
{
	const struct timespec late = { .tv_nsec = LATE_MS * 1000 * 1000 };
	int r;

	notify_send("STOPPING=1");
	child_signal(&s->gate, SIGTERM);
	child_signal(&s->old_gate, SIGTERM);
	(void)child_await(&s->gate, "the gate", GATE_MS);
	(void)child_await(&s->old_gate, "the old gate", GATE_MS);
	s->parent.status->gate = 0;
	if (s->ready > 0)
		nanosleep(&late, NULL);
	child_signal(&s->engine, SIGTERM);
	child_signal(&s->old_engine, SIGTERM);
	for (unsigned i = 0; i < s->n_draining; i++)
		child_signal(&s->draining[i], SIGTERM);
	r = child_await(&s->engine, "the engine", ENGINE_MS);
	(void)child_await(&s->old_engine, "the old engine", ENGINE_MS);
	for (unsigned i = 0; i < s->n_draining; i++)
		(void)child_await(&s->draining[i], "an older engine", ENGINE_MS);
	clear_status(s->parent.status);
	s->parent.status->draining = 0;
	return r;
}

/* --- the engine's condition --- */

/* Ours is ready: now the old one has time for its last connections, and the gates change places. */
static void replace_old(struct supervisor *s)
{
	if (s->old_engine.pid > 0) {
		child_signal(&s->old_engine, SIGUSR1);
		s->draining[s->n_draining++] = s->old_engine;
		s->old_engine = CHILD_NONE;
		s->parent.status->draining = s->n_draining;
	}
	child_signal(&s->old_gate, SIGUSR1);
	s->old_told = s->ready;
}

static void announce(struct supervisor *s)
{
	const char *door = status_door_text((enum status_door)s->parent.status->door);

	s->is_announced = true;
	log_info("ready: %u workers, configuration %s, door %s", s->parent.listeners.n,
		 s->parent.path, door);
	if (!s->was_ready)
		notify_send("READY=1");
	s->was_ready = true;
}

static void tell_condition(struct supervisor *s)
{
	char text[sizeof(s->condition)];
	int n = snprintf(text, sizeof(text), "%s, door %s, %u workers",
			 s->ready > 0 ? "running" : "the engine starts",
			 status_door_text((enum status_door)s->parent.status->door),
			 s->parent.listeners.n);

	if (s->n_draining > 0)
		snprintf(text + n, sizeof(text) - (size_t)n, ", %u older engines drain",
			 s->n_draining);
	if (strcmp(text, s->condition) != 0)
		notify_send("STATUS=%s", text);
	memcpy(s->condition, text, sizeof(text));
}

/* Only an engine that hangs starves the watchdog, not one that is merely full. */
static void feed_watchdog(struct supervisor *s, uint64_t now)
{
	if (s->watchdog == 0 || now - s->fed < s->watchdog / 4)
		return;
	if (s->old_engine.pid == 0 && now - s->parent.status->turned > s->watchdog / 2)
		return;
	notify_send("WATCHDOG=1");
	s->fed = now;
}

/* Before certgen is started, if possible: then it has it from the beginning. */
static void tend_audit(struct supervisor *s)
{
	if (audit_tend(&s->parent.audit, s->parent.config, now_ms()) &&
	    s->certgens.current.control >= 0)
		(void)handover_send(s->certgens.current.control, &s->parent.audit.fd, 1);
}

static void look(struct supervisor *s)
{
	uint64_t now = now_ms();

	if (s->ready == 0 && s->engine.pid > 0 && s->parent.status->turned > 0) {
		s->ready = now;
		replace_old(s);
	}
	if (s->old_gate.pid > 0 && s->old_told > 0 && now - s->old_told > GATE_MS)
		child_signal(&s->old_gate, SIGKILL);
	if (s->ready > 0 && !s->is_announced &&
	    (s->parent.status->gate_beat > s->ready || now - s->ready >= DOOR_MS))
		announce(s);
	s->parent.status->supervisor_beat = now;
	tell_condition(s);
	feed_watchdog(s, now);
}

/* --- signals --- */

/* Each process reads the configuration for itself; what this one reads is for those to come. */
static void reload(struct supervisor *s)
{
	struct config_error error;
	struct config *config;

	notify_send("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_us());
	if (config_load(s->parent.path, &config, &error) == 0) {
		if (page_differs(s->parent.config, config))
			child_signal(&s->page, SIGTERM);
		config_free(s->parent.config);
		s->parent.config = config;
	}
	certgens_reload(&s->certgens, &s->parent);
	child_signal(&s->engine, SIGHUP);
	child_signal(&s->old_engine, SIGHUP);
	for (unsigned i = 0; i < s->n_draining; i++)
		child_signal(&s->draining[i], SIGHUP); /* logs are reopened */
	child_signal(&s->gate, SIGHUP);
	notify_send("READY=1");
}

static void upgrade(struct supervisor *s)
{
	struct upgrade next = { .engine = s->engine, .gate = s->gate };
	int r;

	if (!s->is_announced || s->old_gate.pid > 0 || s->n_draining == UPGRADE_DRAINING) {
		log_warning("not upgraded: the last upgrade is not over");
		return;
	}
	if (!upgrade_is_sound(s->program, s->parent.path)) {
		log_error("not upgraded: the running program goes on");
		return;
	}
	log_info("upgrading to %s", s->program);
	notify_send("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_us());
	next.n_listeners = listeners_list(&s->parent.listeners, next.listeners);
	memcpy(next.draining, s->draining, sizeof(next.draining));
	next.n_draining = s->n_draining;
	r = upgrade_exec(s->program, s->arguments, &next);
	log_error("not upgraded: %s: %s", s->program, strerror(-r));
	notify_send("READY=1");
}

static int watch(struct supervisor *s, const sigset_t *signals)
{
	for (;;) {
		struct timespec until = { .tv_nsec = SETTLED_MS * 1000 * 1000 };

		tend_audit(s);
		start_missing(s);
		certgens_settle(&s->certgens, &s->parent, &s->engine);
		look(s);
		if (!s->is_announced || s->gate.pid == 0 || s->certgens.current.pid == 0 ||
		    s->certgens.next.pid > 0)
			until.tv_nsec = UNSETTLED_MS * 1000 * 1000;
		switch (sigtimedwait(signals, NULL, &until)) {
		case SIGCHLD:
			if (!reap(s))
				return 1;
			break;
		case SIGHUP:
			reload(s);
			break;
		case SIGUSR2:
			upgrade(s);
			break;
		case SIGTERM:
		case SIGINT:
			return stop(s);
		}
	}
}

/* --- the whole --- */

/* The name it was called by, if that says where it is: it may be a link to another version soon. */
static void find_program(struct supervisor *s)
{
	ssize_t n;

	snprintf(s->program, sizeof(s->program), "%s", s->arguments[0]);
	if (s->program[0] == '/')
		return;
	n = readlink("/proc/self/exe", s->program, sizeof(s->program) - 1);
	s->program[n > 0 ? n : 0] = '\0';
}

/* What the program before has left, or the service manager keeps. 0 or -errno. */
static int take_over(struct supervisor *s)
{
	struct upgrade old;
	bool is_upgrade = upgrade_receive(&old);
	int r;

	if (!is_upgrade)
		old.n_listeners = notify_take(old.listeners, LISTENERS_MAX);
	s->old_engine = old.engine;
	s->old_gate = old.gate;
	memcpy(s->draining, old.draining, sizeof(s->draining));
	s->n_draining = old.n_draining;
	r = parent_open(&s->parent, old.listeners, old.n_listeners, is_upgrade);
	if (r < 0)
		return r;
	s->parent.status->draining = s->n_draining;
	old.n_listeners = listeners_list(&s->parent.listeners, old.listeners);
	notify_keep(old.listeners, old.n_listeners);
	return 0;
}

static void block_signals(sigset_t *ret_signals)
{
	static const int wanted[] = { SIGCHLD, SIGHUP, SIGUSR2, SIGTERM, SIGINT };

	sigemptyset(ret_signals);
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(ret_signals, wanted[i]);
	sigprocmask(SIG_BLOCK, ret_signals, NULL);
}

int supervise(struct config *config, const char *path, char **arguments)
{
	struct supervisor s = { .arguments = arguments,
				.engine = CHILD_NONE,
				.certgens = CERTGENS_NONE,
				.gate = CHILD_NONE,
				.page = CHILD_NONE,
				.began = now_ms(),
				.watchdog = notify_watchdog() };
	sigset_t signals;
	int r;

	block_signals(&signals);
	find_program(&s);
	parent_init(&s.parent, config, path);
	r = take_over(&s) < 0 ? 1 : watch(&s, &signals);
	child_signal(&s.gate, SIGTERM);
	child_signal(&s.page, SIGTERM);
	certgens_stop(&s.certgens, GATE_MS);
	(void)child_await(&s.page, "postern-web", GATE_MS);
	(void)child_await(&s.gate, "the gate", GATE_MS);
	parent_deinit(&s.parent);
	return r;
}
