/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/handover.h"
#include "daemon/run.h"

enum {
	RESTART_MS = 1000, /* between two starts of certgen: it may fail at once, and for long */
};

struct supervisor {
	const struct config *config;
	unsigned n_workers;
	int control; /* to the engine */
	pid_t engine;
	pid_t certgen;         /* 0: not running */
	uint64_t certgen_born; /* ms */
	bool is_stopping;
};

static unsigned count_workers(const struct config *config)
{
	cpu_set_t cpus;
	unsigned n = config->workers;

	if (n == 0 && sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		n = (unsigned)CPU_COUNT(&cpus);
	if (n == 0)
		n = 1;
	return n < RUN_WORKERS_MAX ? n : RUN_WORKERS_MAX;
}

static void close_all(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

/* One socket pair per worker. */
static int open_pairs(int *engine_ends, int *certgen_ends, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
			int r = -errno;

			close_all(engine_ends, i);
			close_all(certgen_ends, i);
			return r;
		}
		engine_ends[i] = pair[0];
		certgen_ends[i] = pair[1];
	}
	return 0;
}

/* --- certgen --- */

/* As configured; else beside this program, in the build tree, or where it is installed. */
static void find_certgen(const struct config *config, char path[PATH_MAX])
{
	static const char *const places[] = { "postern-certgen", "../certgen/postern-certgen",
					      "../libexec/postern/postern-certgen" };
	char self[PATH_MAX] = "";
	char *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	snprintf(path, PATH_MAX, "%s", config->certgen.program);
	slash = n > 0 ? strrchr(self, '/') : NULL;
	if (path[0] != '\0' || !slash)
		return;
	*slash = '\0';
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (snprintf(path, PATH_MAX, "%s/%s", self, places[i]) < PATH_MAX &&
		    access(path, X_OK) == 0)
			return;
	}
}

/* In the child; only returns when it could not be started. */
static void exec_certgen(const struct config *config, const int *fds, unsigned n)
{
	char program[PATH_MAX], list[RUN_WORKERS_MAX * 12] = "", lifetime[24];
	const char *arguments[24] = { "postern-certgen",
				      "--certificate",
				      config->ca.certificate,
				      "--key",
				      config->ca.key,
				      "--user",
				      config->certgen.user,
				      "--max-lifetime",
				      lifetime,
				      "--log-level",
				      config->log.level,
				      "--fds",
				      list };
	unsigned used = 13;
	size_t length = 0;

	for (unsigned i = 0; i < n; i++) {
		(void)fcntl(fds[i], F_SETFD, 0); /* to survive the exec */
		length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%d",
					   i > 0 ? "," : "", fds[i]);
	}
	snprintf(lifetime, sizeof(lifetime), "%llu",
		 (unsigned long long)(config->certgen.max_lifetime / 1000));
	if (config->ca.untrusted_key[0] != '\0') {
		arguments[used++] = "--untrusted-certificate";
		arguments[used++] = config->ca.untrusted_certificate;
		arguments[used++] = "--untrusted-key";
		arguments[used++] = config->ca.untrusted_key;
	}
	if (config->core_dumps)
		arguments[used++] = "--core-dumps";
	find_certgen(config, program);
	execv(program, (char *const *)arguments);
	log_error("certgen cannot be started: %s: %s", program, strerror(errno));
}

static void child_begin(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0 or -errno; *engine_ends are the engine's, whether or not certgen will live. */
static int start_certgen(struct supervisor *s, int *engine_ends)
{
	int certgen_ends[RUN_WORKERS_MAX];
	int r = open_pairs(engine_ends, certgen_ends, s->n_workers);
	pid_t pid;

	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0) {
		child_begin();
		exec_certgen(s->config, certgen_ends, s->n_workers);
		_exit(127);
	}
	r = pid < 0 ? -errno : 0;
	close_all(certgen_ends, s->n_workers);
	if (r < 0)
		close_all(engine_ends, s->n_workers);
	s->certgen = pid > 0 ? pid : 0;
	s->certgen_born = clock_us() / 1000;
	return r;
}

/* --- the two children --- */

static void restart_certgen(struct supervisor *s)
{
	int engine_ends[RUN_WORKERS_MAX];
	int r = start_certgen(s, engine_ends);

	if (r == 0) {
		r = handover_send(s->control, engine_ends, s->n_workers);
		close_all(engine_ends, s->n_workers);
	}
	if (r < 0)
		log_error("certgen cannot be started: %s", strerror(-r));
	else
		log_info("certgen was started again");
}

static int start_engine(struct supervisor *s, struct config *config, const char *path)
{
	int engine_ends[RUN_WORKERS_MAX], control[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		return -errno;
	r = start_certgen(s, engine_ends);
	if (r < 0) {
		close_all(control, 2);
		return r;
	}
	s->engine = fork();
	if (s->engine == 0) {
		close(control[0]);
		exit(run_engine(config, path, engine_ends, s->n_workers, control[1]));
	}
	r = s->engine < 0 ? -errno : 0;
	close(control[1]);
	close_all(engine_ends, s->n_workers);
	s->control = control[0];
	return r;
}

static void log_death(const char *what, int status)
{
	if (WIFSIGNALED(status))
		log_error("%s was killed by signal %d (%s)", what, WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	else
		log_error("%s ended with exit code %d", what, WEXITSTATUS(status));
}

/* True when the engine is among the dead; *ret_status is how it ended. */
static bool reap(struct supervisor *s, int *ret_status)
{
	bool is_engine_dead = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->engine) {
			*ret_status = status;
			is_engine_dead = true;
		} else if (pid == s->certgen) {
			s->certgen = 0;
			if (!s->is_stopping)
				log_death("certgen", status);
		}
	}
	return is_engine_dead;
}

/* --- the loop --- */

static void on_signal(struct supervisor *s, uint32_t signal)
{
	if (signal == SIGHUP) {
		kill(s->engine, SIGHUP);
	} else if (signal == SIGTERM || signal == SIGINT) {
		s->is_stopping = true;
		kill(s->engine, SIGTERM);
	}
}

static int watch(struct supervisor *s, const sigset_t *signals)
{
	int status = 0;

	for (;;) {
		struct timespec until = { .tv_nsec = 100 * 1000 * 1000 };
		bool must_start = s->certgen == 0 && !s->is_stopping;
		siginfo_t info;
		int signal;

		if (must_start && clock_us() / 1000 - s->certgen_born >= RESTART_MS)
			restart_certgen(s);
		signal = must_start ? sigtimedwait(signals, &info, &until)
				    : sigwaitinfo(signals, &info);
		if (signal == SIGCHLD && reap(s, &status))
			break;
		if (signal > 0)
			on_signal(s, (uint32_t)signal);
	}
	if (!s->is_stopping || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		log_death("the engine", status);
	return WIFEXITED(status) && s->is_stopping ? WEXITSTATUS(status) : 1;
}

int supervise(struct config *config, const char *path)
{
	struct supervisor s = { .config = config,
				.n_workers = count_workers(config),
				.control = -1 };
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	r = start_engine(&s, config, path);
	if (r < 0)
		log_error("cannot start: %s", strerror(-r));
	r = r < 0 ? 1 : watch(&s, &signals);
	if (s.certgen > 0) {
		kill(s.certgen, SIGTERM);
		(void)waitpid(s.certgen, NULL, 0);
	}
	if (s.control >= 0)
		close(s.control);
	config_free(config);
	return r;
}
