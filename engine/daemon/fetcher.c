/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/fetcher.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "conn/fetch.h"
#include "daemon/children.h"
#include "daemon/fetcher_filter.h"
#include "tls/aia.h"
#include "tls/http.h"
#include "tls/ocsp.h"

enum {
	AT_ONCE = 32, /* requests; others are answered with nothing */
	LOOK_MS = 20, /* between two looks who has ended */
	CPU_S = 2,    /* of one request */
	AGAIN_S = 1,  /* before the next, when the fetcher died */
};

struct fetch {
	pid_t pid; /* 0: none */
	unsigned line;
	uint64_t number;
};

struct fetcher {
	struct pollfd lines[LISTENERS_WORKERS]; /* fd < 0: closed */
	unsigned n;
	struct fetch fetches[AT_ONCE];
	unsigned n_fetches;
};

static void answer(int fd, uint64_t number, const uint8_t *bytes, size_t n)
{
	uint8_t message[sizeof(number) + OCSP_ANSWER_MAX];

	memcpy(message, &number, sizeof(number));
	if (n > 0)
		memcpy(message + sizeof(number), bytes, n);
	if (send(fd, message, sizeof(number) + n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("an answer is lost: %s", strerror(errno));
}

static void confine(bool may_fork)
{
	int r = fetcher_filter_enter(may_fork);

	if (r == 0 || r == -ENOSYS) /* of a kernel without filters, certgen has spoken */
		return;
	log_error("system calls of the fetcher cannot be filtered: %s", strerror(-r));
	_exit(1);
}

/* --- one request, in a process of its own --- */

static _Noreturn void fetch(int fd, const struct fetch_order *order, const uint8_t *rest)
{
	const struct rlimit cpu = { CPU_S, CPU_S };
	uint8_t bytes[OCSP_ANSWER_MAX], row[AIA_SIZE_MAX];
	char url[OCSP_URL_SIZE];
	struct http_order http = { .url = url,
				   .body = order->n_body > 0 ? rest + order->n_url : NULL,
				   .n = order->n_body,
				   .mark = order->mark,
				   .may_be_private = order->may_be_private,
				   .timeout_s = order->timeout_s,
				   .max = sizeof(bytes) };
	size_t n;

	child_keep_only(&fd, 1);
	(void)setrlimit(RLIMIT_CPU, &cpu);
	alarm(order->timeout_s + 1); /* for all its parts together */
	confine(false);
	memcpy(url, rest, order->n_url);
	url[order->n_url] = '\0';
	n = http_fetch(&http, bytes);
	if (!http.body)
		n = aia_pack((struct der){ .bytes = bytes, .n = n }, row);
	if (n == 0)
		_exit(1);
	answer(fd, order->number, http.body ? bytes : row, n);
	_exit(0);
}

static bool is_sound(const struct fetch_order *order, size_t n)
{
	return order->n_url < OCSP_URL_SIZE && order->n_body <= OCSP_REQUEST_MAX &&
	       order->timeout_s > 0 && n == sizeof(*order) + order->n_url + order->n_body;
}

/* False: there is no room, or no process to be had. */
static bool start(struct fetcher *fetcher, unsigned line, const struct fetch_order *order,
		  const uint8_t *rest)
{
	struct fetch *at = fetcher->fetches;

	while (at < fetcher->fetches + AT_ONCE && at->pid != 0)
		at++;
	if (at == fetcher->fetches + AT_ONCE)
		return false;
	at->pid = fork();
	if (at->pid == 0)
		fetch(fetcher->lines[line].fd, order, rest);
	if (at->pid < 0) {
		at->pid = 0;
		return false;
	}
	at->line = line;
	at->number = order->number;
	fetcher->n_fetches++;
	return true;
}

/* --- the loop --- */

static void receive(struct fetcher *fetcher, unsigned line)
{
	uint8_t message[FETCH_MESSAGE_MAX];
	struct fetch_order order;
	int fd = fetcher->lines[line].fd;
	ssize_t n = recv(fd, message, sizeof(message), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < (ssize_t)sizeof(order)) {
		close(fd);
		fetcher->lines[line].fd = -1;
		return;
	}
	memcpy(&order, message, sizeof(order));
	if (!is_sound(&order, (size_t)n) || !start(fetcher, line, &order, message + sizeof(order)))
		answer(fd, order.number, NULL, 0);
}

/* Those that brought nothing say so here. */
static void reap(struct fetcher *fetcher)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (unsigned i = 0; i < AT_ONCE; i++) {
			struct fetch *at = &fetcher->fetches[i];

			if (at->pid != pid)
				continue;
			if (status != 0 && fetcher->lines[at->line].fd >= 0)
				answer(fetcher->lines[at->line].fd, at->number, NULL, 0);
			at->pid = 0;
			fetcher->n_fetches--;
		}
	}
}

static bool is_wanted(const struct fetcher *fetcher)
{
	for (unsigned i = 0; i < fetcher->n; i++)
		if (fetcher->lines[i].fd >= 0)
			return true;
	return false;
}

static _Noreturn void serve(struct fetcher *fetcher)
{
	while (is_wanted(fetcher)) {
		if (poll(fetcher->lines, fetcher->n, fetcher->n_fetches > 0 ? LOOK_MS : -1) > 0)
			for (unsigned i = 0; i < fetcher->n; i++)
				if (fetcher->lines[i].fd >= 0 && fetcher->lines[i].revents != 0)
					receive(fetcher, i);
		reap(fetcher);
	}
	_exit(0);
}

/*
 * Keeps the lines while the one that reads them is started again after whatever befell it. What it
 * was asked is lost then; who asked waits for an answer no longer than he would have anyway.
 */
static _Noreturn void keep_serving(struct fetcher *fetcher)
{
	int status = 0;
	pid_t pid;

	for (;;) {
		pid = fork();
		if (pid == 0)
			serve(fetcher);
		if (pid > 0 && waitpid(pid, &status, 0) == pid &&
		    ((WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
		     (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)))
			_exit(0);
		log_error("the fetcher ended (%s %d): it is started again",
			  WIFSIGNALED(status) ? "signal" : "code",
			  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		sleep(AGAIN_S);
	}
}

static _Noreturn void be_fetcher(struct fetcher *fetcher)
{
	sigset_t none;
	int kept[LISTENERS_WORKERS];

	(void)prctl(PR_SET_NAME, "posternd-fetch");
	log_rename("posternd-fetch");
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (unsigned i = 0; i < fetcher->n; i++)
		kept[i] = fetcher->lines[i].fd;
	child_keep_only(kept, fetcher->n);
	confine(true);
	keep_serving(fetcher);
}

int fetcher_start(unsigned n, int *ret_fds)
{
	struct fetcher fetcher = { .n = n };
	unsigned made = 0;
	pid_t pid = -1;
	int pair[2], r = 0;

	for (; made < n && r == 0; made += r == 0) {
		r = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0
			    ? -errno
			    : 0;
		if (r == 0) {
			ret_fds[made] = pair[0];
			fetcher.lines[made] = (struct pollfd){ .fd = pair[1], .events = POLLIN };
		}
	}
	if (r == 0)
		pid = fork();
	if (pid == 0)
		be_fetcher(&fetcher);
	if (r == 0 && pid < 0)
		r = -errno;
	for (unsigned i = 0; i < made; i++) {
		close(fetcher.lines[i].fd);
		if (r < 0)
			close(ret_fds[i]);
	}
	return r;
}
