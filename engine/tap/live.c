/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/live.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

enum { BUFFER = 4 << 20 /* what waits for one client */ };

struct client {
	int fd; /* -1: none */
	uint8_t *bytes;
	size_t begin, end;
	bool is_slow; /* that was said */
};

struct live {
	int fd;
	bool is_short; /* of descriptors: nobody is accepted for one turn */
	struct client clients[LIVE_CLIENTS];
	uint64_t lost;
};

int live_new(const struct endpoint *endpoint, struct live **ret_live)
{
	struct live *live = calloc(1, sizeof(*live));

	if (!live)
		return -ENOMEM;
	for (unsigned i = 0; i < LIVE_CLIENTS; i++)
		live->clients[i].fd = -1;
	live->fd = endpoint_listen(endpoint);
	if (live->fd < 0) {
		int r = live->fd;

		free(live);
		return r;
	}
	*ret_live = live;
	return 0;
}

static void client_close(struct client *client)
{
	if (client->fd < 0)
		return;
	close(client->fd);
	explicit_bzero(client->bytes, BUFFER);
	free(client->bytes);
	*client = (struct client){ .fd = -1 };
}

void live_leave(struct live *live)
{
	if (live->fd >= 0)
		close(live->fd);
	live->fd = -1;
}

void live_free(struct live *live)
{
	if (!live)
		return;
	for (unsigned i = 0; i < LIVE_CLIENTS; i++)
		client_close(&live->clients[i]);
	live_leave(live);
	free(live);
}

/* --- one client --- */

/* What waits; false: the client is gone. */
static bool client_flush(struct client *client)
{
	while (client->begin < client->end) {
		ssize_t n = send(client->fd, client->bytes + client->begin,
				 client->end - client->begin, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		explicit_bzero(client->bytes + client->begin, (size_t)n);
		client->begin += (size_t)n;
	}
	client->begin = client->end = 0;
	return true;
}

/* False: there is no room for it. */
static bool client_keep(struct client *client, const uint8_t *bytes, size_t n)
{
	if (n > BUFFER - (client->end - client->begin))
		return false;
	if (n > BUFFER - client->end) {
		size_t moved = client->end - client->begin;

		memmove(client->bytes, client->bytes + client->begin, moved);
		explicit_bzero(client->bytes + moved, client->end - moved);
		client->begin = 0;
		client->end = moved;
	}
	memcpy(client->bytes + client->end, bytes, n);
	client->end += n;
	return true;
}

/* What it says is of no interest, but that it is gone. */
static bool client_listen(struct client *client)
{
	uint8_t scratch[256];
	ssize_t n = recv(client->fd, scratch, sizeof(scratch), MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* --- all of them --- */

static void accept_one(struct live *live, const uint8_t *header, size_t n_header)
{
	int fd = accept4(live->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	live->is_short = fd < 0;
	for (unsigned i = 0; i < LIVE_CLIENTS && fd >= 0; i++) {
		struct client *client = &live->clients[i];

		if (client->fd >= 0)
			continue;
		client->bytes = malloc(BUFFER);
		if (!client->bytes)
			break;
		client->fd = fd;
		client_keep(client, header, n_header);
		if (!client_flush(client))
			client_close(client);
		return;
	}
	if (fd >= 0) {
		log_warning("capture.listen: a client was turned away: there are %u", LIVE_CLIENTS);
		close(fd);
	}
}

void live_fds(struct live *live, struct pollfd fds[LIVE_FDS])
{
	fds[0] = (struct pollfd){ .fd = live->is_short ? -1 : live->fd, .events = POLLIN };
	live->is_short = false;
	for (unsigned i = 0; i < LIVE_CLIENTS; i++) {
		const struct client *client = &live->clients[i];
		bool is_behind = client->begin < client->end;

		fds[1 + i] =
			(struct pollfd){ .fd = client->fd,
					 .events = (short)(POLLIN | (is_behind ? POLLOUT : 0)) };
	}
}

void live_serve(struct live *live, const struct pollfd fds[LIVE_FDS], const uint8_t *header,
		size_t n_header)
{
	for (unsigned i = 0; i < LIVE_CLIENTS; i++) {
		struct client *client = &live->clients[i];
		short events = fds[1 + i].revents;

		if (client->fd < 0 || client->fd != fds[1 + i].fd)
			continue;
		if (((events & (POLLIN | POLLHUP | POLLERR)) && !client_listen(client)) ||
		    ((events & POLLOUT) && !client_flush(client)))
			client_close(client);
	}
	if (live->fd >= 0 && (fds[0].revents & POLLIN))
		accept_one(live, header, n_header);
}

void live_write(struct live *live, const uint8_t *bytes, size_t n, unsigned packets)
{
	for (unsigned i = 0; i < LIVE_CLIENTS; i++) {
		struct client *client = &live->clients[i];

		if (client->fd < 0)
			continue;
		if (client_keep(client, bytes, n)) {
			if (!client_flush(client))
				client_close(client);
			continue;
		}
		live->lost += packets;
		if (!client->is_slow)
			log_warning("capture.listen: a client is too slow, and loses packets");
		client->is_slow = true;
	}
}

unsigned live_clients(const struct live *live)
{
	unsigned n = 0;

	for (unsigned i = 0; i < LIVE_CLIENTS; i++)
		n += live->clients[i].fd >= 0;
	return n;
}

uint64_t live_lost(const struct live *live)
{
	return live->lost;
}
