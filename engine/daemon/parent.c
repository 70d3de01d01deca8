/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/parent.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/privilege.h"
#include "policy/load.h"
#include "policy/reason.h"

void parent_init(struct parent *parent, struct config *config, const char *path)
{
	*parent = (struct parent){
		.config = config, .path = path, .line = { -1, -1 }, .audit = AUDIT_NONE
	};
}

static unsigned count_workers(const struct config *config)
{
	cpu_set_t cpus;
	unsigned n = config->workers;

	if (n == 0 && sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		n = (unsigned)CPU_COUNT(&cpus);
	if (n == 0)
		n = 1;
	return n < LISTENERS_WORKERS ? n : LISTENERS_WORKERS;
}

static int open_status(struct parent *parent)
{
	const char *path = parent->config->status_file;
	char folder[PATH_MAX];
	char *slash;
	int r;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = '\0';
		(void)mkdir(folder, 0755); /* or it is there, or the next step fails */
	}
	r = status_create(path, &parent->status);
	if (r < 0) {
		log_error("status_file: %s: %s", path, strerror(-r));
		return r;
	}
	parent->status->supervisor = (uint32_t)getpid();
	return 0;
}

static int open_metrics(struct parent *parent, unsigned n_workers, bool is_upgrade)
{
	const char *path = parent->config->status_file;
	int r = metrics_create(path, reason_lists(), n_workers, is_upgrade, &parent->metrics);

	if (r < 0)
		log_error("status_file: %s.metrics: %s", path, strerror(-r));
	return r;
}

static int open_line(struct parent *parent)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, parent->line) ==
	    0)
		return 0;
	log_error("cannot start: %s", strerror(errno));
	return -errno;
}

int parent_open(struct parent *parent, const int *listeners, unsigned n_listeners, bool is_upgrade)
{
	const struct config *config = parent->config;
	unsigned n_workers = count_workers(config);
	int r;

	if (!privilege_is_user(config->user) || !privilege_is_user(config->certgen.user) ||
	    !privilege_is_user(config->gate.user))
		return -ENOENT;
	r = open_status(parent);
	if (r == 0)
		r = open_metrics(parent, n_workers, is_upgrade);
	if (r == 0)
		r = listeners_open(&parent->listeners, config, n_workers, listeners, n_listeners);
	return r == 0 ? open_line(parent) : r;
}

void parent_deinit(struct parent *parent)
{
	if (parent->status)
		parent->status->supervisor = parent->status->certgen = parent->status->web = 0;
	status_close(parent->status);
	metrics_close(parent->metrics);
	listeners_close(&parent->listeners);
	audit_close(&parent->audit);
	for (unsigned i = 0; i < 2; i++)
		if (parent->line[i] >= 0)
			close(parent->line[i]);
	config_free(parent->config);
}
