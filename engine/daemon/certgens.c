/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/certgens.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/handover.h"
#include "base/hash.h"
#include "base/log.h"
#include "daemon/program.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { OPTIONS_MAX = 12 }; /* words, beside those that certgen always gets */

/* --- its lines --- */

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

/* --- starting one --- */

static void unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

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
static int start(const struct parent *parent, struct child *ret_certgen, int *ret_lines)
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
		unblock_signals();
		exec_certgen(parent->config, &given);
		_exit(127);
	}
	r = pid < 0 ? -errno : 0;
	if (r == 0)
		child_born(ret_certgen, pid, control[0]);
	close(control[1]);
	close_all(given.sockets, given.n);
	if (r < 0) {
		close_all(ret_lines, given.n);
		close(control[0]);
	}
	return r;
}

/* --- what it was started with --- */

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

static uint64_t origin_of(const struct config *config)
{
	uint64_t hash = hash_bytes(&config->ca, sizeof(config->ca)) ^
			hash_bytes(&config->certgen, sizeof(config->certgen)) ^
			hash_bytes(&config->audit, sizeof(config->audit));

	hash = mix_file(hash, config->ca.certificate);
	hash = mix_file(hash, config->ca.key);
	hash = mix_file(hash, config->ca.untrusted_certificate);
	return mix_file(hash, config->ca.untrusted_key);
}

/* --- who is in charge --- */

/* The lines are closed here in any case. */
static int give(const struct parent *parent, const struct child *engine, const int *lines)
{
	int r = handover_send(engine->control, lines, parent->listeners.n);

	close_all(lines, parent->listeners.n);
	return r;
}

int certgens_start(struct certgens *certgens, const struct parent *parent, int *ret_lines)
{
	certgens->origin = origin_of(parent->config);
	return start(parent, &certgens->current, ret_lines);
}

int certgens_restart(struct certgens *certgens, const struct parent *parent,
		     const struct child *engine)
{
	int lines[LISTENERS_WORKERS];
	int r = certgens_start(certgens, parent, lines);

	return r < 0 ? r : give(parent, engine, lines);
}

static void close_control(struct child *child)
{
	if (child->control >= 0)
		close(child->control);
	child->control = -1;
}

static void drop_next(struct certgens *certgens)
{
	if (certgens->next.control < 0)
		return;
	close_all(certgens->next_lines, certgens->n_next_lines);
	child_signal(&certgens->next, SIGTERM);
	close_control(&certgens->next);
	certgens->next = CHILD_NONE;
}

void certgens_reload(struct certgens *certgens, const struct parent *parent)
{
	uint64_t origin = origin_of(parent->config);
	int r;

	if (origin == certgens->origin || certgens->current.pid == 0)
		return; /* it is started by what is in force anyway */
	drop_next(certgens);
	r = start(parent, &certgens->next, certgens->next_lines);
	if (r < 0) {
		log_error("certgen cannot be started: %s", strerror(-r));
		return;
	}
	certgens->n_next_lines = parent->listeners.n;
	certgens->origin = origin;
}

static bool is_ready(const struct child *certgen)
{
	char byte;

	return recv(certgen->control, &byte, 1, MSG_DONTWAIT) == 1;
}

void certgens_settle(struct certgens *certgens, const struct parent *parent,
		     const struct child *engine)
{
	if (certgens->next.pid == 0 || !is_ready(&certgens->next))
		return;
	(void)give(parent, engine, certgens->next_lines);
	close_control(&certgens->current);
	certgens->current = certgens->next;
	certgens->next = CHILD_NONE;
	log_info("certgen was replaced: the CA or what is about it has changed");
}

bool certgens_ended(struct certgens *certgens, pid_t pid, int status)
{
	if (pid == certgens->current.pid) {
		child_ended(&certgens->current, "certgen", status);
	} else if (pid == certgens->next.pid) {
		log_error("certgen was not replaced: the one before goes on");
		certgens->next.pid = 0;
		drop_next(certgens);
		certgens->origin = 0; /* the next reload tries again */
	} else {
		return false;
	}
	return true;
}

void certgens_leave(struct certgens *certgens)
{
	drop_next(certgens);
	close_control(&certgens->current);
	certgens->current = CHILD_NONE;
}

void certgens_stop(struct certgens *certgens, unsigned ms)
{
	drop_next(certgens);
	child_signal(&certgens->current, SIGTERM);
	(void)child_await(&certgens->current, "certgen", ms);
}
