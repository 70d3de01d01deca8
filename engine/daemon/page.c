/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/page.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/log.h"
#include "daemon/privilege.h"
#include "daemon/program.h"

enum { RETRY_MS = 1000 };

#define QUEUES_FILE "/proc/net/netfilter/nfnetlink_queue"

bool page_differs(const struct config *before, const struct config *after)
{
	return memcmp(&before->web, &after->web, sizeof(before->web)) != 0 ||
	       strcmp(before->learn.store, after->learn.store) != 0 ||
	       strcmp(before->user, after->user) != 0 || before->gate.queue != after->gate.queue;
}

/* --- its socket --- */

/* A path is the engine's group's: root need not be able to give files away. */
static int open_listener(const struct config *config)
{
	const struct passwd *user = config->user[0] ? getpwnam(config->user) : NULL;
	struct endpoint endpoint;
	gid_t own = getegid();
	int fd, r;

	if (!endpoint_parse(config->web.listen, &endpoint))
		return -EINVAL;
	if (user && setegid(user->pw_gid) < 0)
		return -errno;
	fd = endpoint_listen(&endpoint);
	if (!user || setegid(own) == 0)
		return fd;
	r = -errno;
	if (fd >= 0)
		close(fd);
	return r;
}

/* Until it is there; ends with the supervisor. */
static int await_listener(const struct config *config, int control)
{
	struct pollfd supervisor = { .fd = control, .events = POLLIN };
	bool is_said = false;
	int fd;

	while ((fd = open_listener(config)) < 0) {
		if (!is_said)
			log_error("web.listen: %s: %s; trying on", config->web.listen,
				  strerror(-fd));
		is_said = true;
		if (poll(&supervisor, 1, RETRY_MS) > 0)
			_exit(0);
	}
	if (is_said)
		log_info("web.listen: %s: it works now", config->web.listen);
	return fd;
}

/* --- the process --- */

static void keep_open(int fd, char number[16])
{
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, 0);
	snprintf(number, 16, "%d", fd);
}

static _Noreturn void be_page(const struct parent *parent, int control)
{
	const struct config *config = parent->config;
	char program[PATH_MAX], listener[16], line[16], queues[16];
	char *const arguments[] = { "postern-web", "--config", (char *)parent->path,
				    "--listener",  listener,   "--control",
				    line,          "--queues", queues,
				    NULL };
	sigset_t none;
	int fd;

	(void)prctl(PR_SET_NAME, "postern-web");
	log_rename("postern-web");
	child_keep_only(&control, 1);
	signal(SIGINT, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	program_find(config->web.program, "postern-web", "web/", program);
	keep_open(await_listener(config, control), listener);
	keep_open(open(QUEUES_FILE, O_RDONLY | O_CLOEXEC), queues);
	keep_open(control, line);
	/* Opened while it may still enter every folder: a checkout may lie below /root. */
	fd = open(program, O_RDONLY | O_CLOEXEC);
	if (privilege_drop(config->user, PRIVILEGE_NONE, config->core_dumps) < 0)
		_exit(1);
	fexecve(fd, arguments, environ);
	log_error("web.program: %s: %s", program, strerror(errno));
	_exit(127);
}

/* 0 or -errno. */
static int start(const struct parent *parent, struct child *page)
{
	int control[2], r = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		be_page(parent, control[1]);
	if (pid < 0)
		r = -errno;
	else
		child_born(page, pid, control[0]);
	close(control[1]);
	if (r < 0)
		close(control[0]);
	return r;
}

void page_tend(const struct parent *parent, struct child *page)
{
	uint64_t now = clock_us() / 1000;
	int r;

	if (page->pid == 0 && now >= page->due && strcmp(parent->config->web.listen, "none") != 0) {
		r = start(parent, page);
		if (r < 0) {
			log_error("postern-web cannot be started: %s", strerror(-r));
			page->due = now + RETRY_MS;
		}
	}
	parent->status->web = (uint32_t)page->pid;
}

void page_ended(struct child *page, int status)
{
	bool is_told = page->is_told;

	child_ended(page, "postern-web", status);
	if (is_told)
		page->due = 0;
}
