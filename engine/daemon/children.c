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

int child_start_engine(const struct parent *parent, const int *lines, struct child *ret_engine)
{
	int control[2];
	pid_t pid;
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		be_engine(parent, lines, control[1]);
	r = born(pid, control[0], ret_engine);
	close(control[1]);
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
