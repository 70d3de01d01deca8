/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/children.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/handover.h"
#include "base/hash.h"
#include "base/log.h"
#include "daemon/privilege.h"
#include "daemon/program.h"
#include "daemon/run.h"
#include "gate/gate.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

enum {
	YOUNG_MS = 10000, /* who dies younger than this is started again at once, but only once */
	PAUSE_MS = 1000,
	KEPT_MAX = 2 * LISTENERS_MAX, /* descriptors of one child */
	OPTIONS_MAX = 12,             /* words, beside those that certgen always gets */
};

/* --- descriptors --- */

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

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void child_keep_only(int *fds, unsigned n)
{
	unsigned next = STDERR_FILENO + 1;

	qsort(fds, n, sizeof(*fds), by_number);
	for (unsigned i = 0; i < n; i++) {
		if (fds[i] > (int)next)
			(void)close_range(next, (unsigned)fds[i] - 1, 0);
		if (fds[i] >= (int)next)
			next = (unsigned)fds[i] + 1;
	}
	(void)close_range(next, ~0U, 0);
}

/* In the child, before all else. Its signals stay blocked until it awaits them. */
static void begin(const char *name)
{
	(void)prctl(PR_SET_NAME, name);
	signal(SIGINT, SIG_IGN); /* Ctrl-C reaches it too, but the supervisor ends all in turn */
}

static void begin_program(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void child_born(struct child *ret_child, pid_t pid, int control)
{
	ret_child->pid = pid;
	ret_child->control = control;
	ret_child->started = clock_us() / 1000;
	ret_child->is_told = false;
}

/* The parent's part of a start. 0 or -errno. */
static int born(pid_t pid, int control, struct child *ret_child)
{
	if (pid < 0)
		return -errno;
	child_born(ret_child, pid, control);
	return 0;
}

/* --- certgen --- */

/* What certgen starts with. */
struct inheritance {
	int sockets[LISTENERS_WORKERS];
	unsigned n;
	int control;
	int record; /* -1: none, or not now */
};

static void keep_open(int fd)
{
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, 0);
}

/* "5,6,7": open over the exec. */
static void list_descriptors(const int *fds, unsigned n, char *list, size_t size)
{
	size_t length = 0;

	for (unsigned i = 0; i < n; i++) {
		keep_open(fds[i]);
		length += (size_t)snprintf(list + length, size - length, "%s%d", i > 0 ? "," : "",
					   fds[i]);
	}
}

/* The options that it may have; returns how many words there are then. */
static unsigned add_options(const struct config *config, const char *record, const char **arguments,
			    unsigned used)
{
	if (config->ca.untrusted_key[0] != '\0') {
		arguments[used++] = "--untrusted-certificate";
		arguments[used++] = config->ca.untrusted_certificate;
		arguments[used++] = "--untrusted-key";
		arguments[used++] = config->ca.untrusted_key;
	}
	if (strcmp(config->audit.issued, "none") != 0) {
		arguments[used++] = "--record";
		arguments[used++] =
			config->audit.on_failure == ON_UNRECORDED_STOP ? "stop" : "continue";
		if (!config->audit.is_synced)
			arguments[used++] = "--record-unsynced";
		if (record[0] != '-') {
			arguments[used++] = "--record-fd";
			arguments[used++] = record;
		}
	}
	if (config->core_dumps)
		arguments[used++] = "--core-dumps";
	return used;
}

/* In the child; only returns when it could not be started. */
static void exec_certgen(const struct config *config, const struct inheritance *given)
{
	char program[PATH_MAX], list[LISTENERS_WORKERS * 12] = "";
	char lifetime[24], rate[16], burst[16], per_client[16], control[16], record[16];
	const char *const fixed[] = { "postern-certgen",
				      "--certificate",
				      config->ca.certificate,
				      "--key",
				      config->ca.key,
				      "--user",
				      config->certgen.user,
				      "--max-lifetime",
				      lifetime,
				      "--rate",
				      rate,
				      "--burst",
				      burst,
				      "--per-client",
				      per_client,
				      "--log-level",
				      config->log.level,
				      "--control",
				      control,
				      "--fds",
				      list };
	const char *arguments[N_OF(fixed) + OPTIONS_MAX] = { 0 };

	memcpy(arguments, fixed, sizeof(fixed));
	list_descriptors(given->sockets, given->n, list, sizeof(list));
	keep_open(given->control);
	keep_open(given->record);
	snprintf(control, sizeof(control), "%d", given->control);
	snprintf(record, sizeof(record), "%d", given->record);
	snprintf(lifetime, sizeof(lifetime), "%llu",
		 (unsigned long long)(config->certgen.max_lifetime / 1000));
	snprintf(rate, sizeof(rate), "%u", config->certgen.rate);
	snprintf(burst, sizeof(burst), "%u", config->certgen.burst);
	snprintf(per_client, sizeof(per_client), "%u", config->certgen.per_client);
	(void)add_options(config, record, arguments, N_OF(fixed));
	program_find(config->certgen.program, "postern-certgen", "../certgen/", program);
	execv(program, (char *const *)arguments);
	log_error("certgen cannot be started: %s: %s", program, strerror(errno));
}

/* 0 or -errno; *ret_lines are the engine's ends, whether or not certgen will live. */
static int start_certgen(const struct parent *parent, struct child *ret_certgen, int *ret_lines)
{
	struct inheritance given = { .n = parent->listeners.n, .record = parent->audit.fd };
	int control[2];
	pid_t pid;
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		return -errno;
	given.control = control[1];
	r = open_pairs(ret_lines, given.sockets, given.n);
	if (r < 0) {
		close_all(control, 2);
		return r;
	}
	pid = fork();
	if (pid == 0) {
		begin_program();
		exec_certgen(parent->config, &given);
		_exit(127);
	}
	r = born(pid, control[0], ret_certgen);
	close(control[1]);
	close_all(given.sockets, given.n);
	if (r < 0) {
		close_all(ret_lines, given.n);
		close(control[0]);
	}
	return r;
}

int child_start_certgen(const struct parent *parent, const struct child *engine,
			struct child *ret_certgen)
{
	int lines[LISTENERS_WORKERS];
	int r = start_certgen(parent, ret_certgen, lines);

	if (r < 0)
		return r;
	return child_give_certgen(parent, engine, lines);
}

int child_prepare_certgen(const struct parent *parent, struct child *ret_certgen, int *ret_lines)
{
	return start_certgen(parent, ret_certgen, ret_lines);
}

bool child_is_ready(const struct child *certgen)
{
	char byte;

	return recv(certgen->control, &byte, 1, MSG_DONTWAIT) == 1;
}

int child_give_certgen(const struct parent *parent, const struct child *engine, const int *lines)
{
	int r = handover_send(engine->control, lines, parent->listeners.n);

	close_all(lines, parent->listeners.n);
	return r;
}

static uint64_t mix_file(uint64_t hash, const char *path)
{
	struct {
		uint64_t before, device, inode, size, seconds, nanoseconds;
	} facts = { .before = hash };
	struct stat st;

	if (stat(path, &st) == 0) {
		facts.device = st.st_dev;
		facts.inode = st.st_ino;
		facts.size = (uint64_t)st.st_size;
		facts.seconds = (uint64_t)st.st_mtim.tv_sec;
		facts.nanoseconds = (uint64_t)st.st_mtim.tv_nsec;
	}
	return hash_bytes(&facts, sizeof(facts));
}

uint64_t child_certgen_origin(const struct config *config)
{
	uint64_t hash = hash_bytes(&config->ca, sizeof(config->ca)) ^
			hash_bytes(&config->certgen, sizeof(config->certgen)) ^
			hash_bytes(&config->audit, sizeof(config->audit));

	hash = mix_file(hash, config->ca.certificate);
	hash = mix_file(hash, config->ca.key);
	hash = mix_file(hash, config->ca.untrusted_certificate);
	return mix_file(hash, config->ca.untrusted_key);
}

/* --- the engine --- */

static _Noreturn void be_engine(const struct parent *parent, const int *lines, int control)
{
	unsigned n = parent->listeners.n;
	int kept[KEPT_MAX];
	unsigned n_kept = listeners_list(&parent->listeners, kept);
	const struct run run = { .config = parent->config,
				 .path = parent->path,
				 .status = parent->status,
				 .metrics = parent->metrics,
				 .n_workers = n,
				 .listeners = parent->listeners.fds,
				 .certgen = lines,
				 .gate_line = parent->line[0],
				 .control = control };

	begin("posternd-engine");
	memcpy(kept + n_kept, lines, sizeof(*lines) * n);
	n_kept += n;
	kept[n_kept++] = parent->line[0];
	kept[n_kept++] = control;
	child_keep_only(kept, n_kept);
	exit(run_engine(&run));
}

int child_start_engine(const struct parent *parent, struct child *ret_engine,
		       struct child *ret_certgen)
{
	int lines[LISTENERS_WORKERS], control[2];
	pid_t pid;
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		return -errno;
	r = start_certgen(parent, ret_certgen, lines);
	if (r < 0) {
		close_all(control, 2);
		return r;
	}
	pid = fork();
	if (pid == 0)
		be_engine(parent, lines, control[1]);
	r = born(pid, control[0], ret_engine);
	close(control[1]);
	close_all(lines, parent->listeners.n);
	if (r < 0)
		close(control[0]);
	return r;
}

/* --- the gate --- */

static _Noreturn void be_gate(const struct parent *parent, int control)
{
	const struct config *config = parent->config;
	int kept[] = { parent->line[1], control };
	const struct gate_run run = { .config = parent->config,
				      .path = parent->path,
				      .status = parent->status,
				      .metrics = parent->metrics,
				      .engine = parent->line[1],
				      .control = control };

	begin("posternd-gate");
	log_rename("posternd-gate");
	child_keep_only(kept, 2);
	if (privilege_drop(config->gate.user, CAP_NET_ADMIN, config->core_dumps) < 0)
		exit(1);
	exit(gate_run(&run));
}

int child_start_gate(const struct parent *parent, struct child *ret_gate)
{
	int control[2];
	pid_t pid;
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		be_gate(parent, control[1]);
	r = born(pid, control[0], ret_gate);
	close(control[1]);
	if (r < 0)
		close(control[0]);
	return r;
}

/* --- their end --- */

void child_ended(struct child *child, const char *name, int status)
{
	uint64_t now = clock_us() / 1000;
	bool must_wait = child->is_restarted && now - child->started < YOUNG_MS;

	if (child->is_told && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)
		log_debug("%s has ended", name);
	else if (WIFSIGNALED(status))
		log_error("%s was killed by signal %d (%s)", name, WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		log_error("%s ended with exit code %d", name, WEXITSTATUS(status));
	if (child->control >= 0)
		close(child->control);
	*child = (struct child){ .control = -1,
				 .due = must_wait ? now + PAUSE_MS : now,
				 .is_restarted = true };
}

void child_signal(struct child *child, int signal)
{
	child->is_told |= signal == SIGTERM;
	if (child->pid > 0)
		(void)kill(child->pid, signal);
}

int child_await(struct child *child, const char *name, unsigned ms)
{
	uint64_t limit = clock_us() / 1000 + ms;
	const struct timespec moment = { .tv_nsec = 2 * 1000 * 1000 };
	int status = 0;

	if (child->pid == 0)
		return 0;
	while (waitpid(child->pid, &status, WNOHANG) == 0) {
		if (clock_us() / 1000 >= limit) {
			log_error("%s does not end: killed", name);
			child_signal(child, SIGKILL);
			limit = UINT64_MAX;
		}
		nanosleep(&moment, NULL);
	}
	child_ended(child, name, status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
