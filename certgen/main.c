/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/handover.h"
#include "base/log.h"
#include "certgen/options.h"
#include "certgen/sandbox.h"
#include "certgen/service.h"

/*
 * postern-certgen: the one process that holds the CA keys. It opens nothing from the network, and
 * takes everything that it needs before it gives its privileges away. The sockets come open from
 * the supervisor, one per worker of the engine; it ends when the last of them does.
 *
 * One thread, one poll(). A worker that does not read its answer is not read from either: its
 * answer waits in its own peer, and the others go on.
 */

/* The other end of one socket. */
struct peer {
	int fd; /* -1: closed */
	struct service_session session;
	uint8_t answer[CERTGEN_MESSAGE_MAX];
	size_t answer_length; /* not 0: waits to be sent */
};

/* The untrusted CA is only loaded beside a trusted one that it has nothing in common with. */
static int load(struct service *service, const struct options *options)
{
	struct ca_error error;
	int r = ca_load(options->certificate, options->key, time(NULL),
			&service->ca[CERTGEN_TRUSTED], &error);

	if (r == 0 && options->untrusted_certificate) {
		r = ca_load(options->untrusted_certificate, options->untrusted_key, time(NULL),
			    &service->ca[CERTGEN_UNTRUSTED], &error);
		if (r == 0)
			r = ca_check_apart(service->ca[CERTGEN_TRUSTED],
					   service->ca[CERTGEN_UNTRUSTED], &error);
	}
	if (r < 0) {
		log_error("%s", error.text);
		return r;
	}
	service->max_lifetime = options->max_lifetime;
	service->record = (struct record){ .is_wanted = options->is_recorded,
					   .is_needed = options->must_be_recorded,
					   .is_unsynced = options->is_unsynced,
					   .fd = options->record };
	service->per_client = options->per_client;
	limit_init(&service->limit, options->rate, options->burst, clock_us() / 1000);
	service->cache = cache_new(CACHE_ENTRIES_MAX, CACHE_BYTES_MAX);
	return service->cache ? 0 : -ENOMEM;
}

static void peer_close(struct peer *peer)
{
	close(peer->fd);
	peer->fd = -1;
	service_session_deinit(&peer->session);
}

static void peer_send(struct peer *peer)
{
	if (send(peer->fd, peer->answer, peer->answer_length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
		peer->answer_length = 0;
	} else if (errno != EAGAIN && errno != EINTR) {
		log_debug("socket %d: %s", peer->fd, strerror(errno));
		peer_close(peer);
	}
}

static void peer_receive(struct peer *peer, struct service *service)
{
	uint8_t message[CERTGEN_MESSAGE_MAX];
	ssize_t n = recv(peer->fd, message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		peer_close(peer);
		return;
	}
	if ((size_t)n > sizeof(message) ||
	    service_handle(service, &peer->session, time(NULL), message, (size_t)n, peer->answer,
			   &peer->answer_length) < 0) {
		log_error("socket %d: malformed message, closed", peer->fd);
		peer_close(peer);
	} else if (peer->answer_length > 0) {
		peer_send(peer);
	}
}

/* A new file to record in, or the end of who sends them. */
static void listen_to_supervisor(struct service *service, int *control)
{
	int fd;
	int n = handover_receive(*control, &fd, 1);

	if (n == 1) {
		record_set(&service->record, fd);
	} else if (n != -EAGAIN && n != -EINTR) {
		close(*control);
		*control = -1;
	}
}

/* polls[n] is for the supervisor. 0: nobody is there any more. */
static size_t prepare_polls(struct pollfd *polls, const struct peer *peers, size_t n, int control)
{
	size_t n_open = 0;

	for (size_t i = 0; i < n; i++) {
		polls[i].fd = peers[i].fd;
		polls[i].events = peers[i].answer_length > 0 ? POLLOUT : POLLIN;
		n_open += peers[i].fd >= 0;
	}
	polls[n] = (struct pollfd){ .fd = control, .events = POLLIN };
	return n_open;
}

static int serve(struct service *service, struct peer *peers, size_t n, int control)
{
	struct pollfd polls[OPTIONS_SOCKETS_MAX + 1];

	while (prepare_polls(polls, peers, n, control) > 0) {
		if (poll(polls, n + 1, -1) < 0) {
			if (errno == EINTR)
				continue;
			log_error("poll: %s", strerror(errno));
			return -errno;
		}
		if (control >= 0 && polls[n].revents != 0)
			listen_to_supervisor(service, &control);
		for (size_t i = 0; i < n; i++) {
			if (polls[i].fd < 0 || polls[i].revents == 0)
				continue;
			if (peers[i].answer_length > 0)
				peer_send(&peers[i]);
			else
				peer_receive(&peers[i], service);
		}
	}
	return 0;
}

/* SIGTERM may simply kill: no work needs an orderly end. Whoever started us may have blocked it. */
static void reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_IGN); /* a reload is a new process, which can still read files */
	signal(SIGINT, SIG_IGN); /* Ctrl-C reaches it too, but the engine ends first */
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int run(const struct options *options, struct service *service, struct peer *peers)
{
	int highest = options->control > options->record ? options->control : options->record;

	if (highest < STDERR_FILENO)
		highest = STDERR_FILENO;
	for (size_t i = 0; i < options->n_fds; i++) {
		peers[i].fd = options->fds[i];
		if (peers[i].fd > highest)
			highest = peers[i].fd;
	}
	const struct sandbox sandbox = { .user = options->user,
					 .core_dumps = options->core_dumps,
					 .has_files = ca_token_is_uri(options->key),
					 /* and one more, to be sent */
					 .highest_fd = highest + (options->control >= 0) };
	int r = sandbox_protect_memory(options->core_dumps);

	if (r == 0)
		r = load(service, options);
	if (r == 0)
		r = sandbox_enter(&sandbox);
	if (r == 0 && options->control >= 0 && send(options->control, "r", 1, MSG_NOSIGNAL) < 0)
		log_debug("the supervisor is gone: %s", strerror(errno));
	return r < 0 ? r : serve(service, peers, options->n_fds, options->control);
}

int main(int argc, char **argv)
{
	struct options options;
	struct service service = { 0 };

	if (!options_parse(argc, argv, &options)) {
		fputs(options_usage, stderr);
		return 2;
	}
	log_init("postern-certgen", options.level);
	reset_signals();
	quota_init(&service.quota, SERVICE_QUOTA_US);
	struct peer *peers = calloc(options.n_fds, sizeof(*peers));
	int r = peers ? run(&options, &service, peers) : -ENOMEM;

	service_deinit(&service);
	free(peers);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
