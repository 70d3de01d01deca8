/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a peer can put into records that do authenticate. The first byte chooses version and side;
 * then {type, length, content}, each a record, until the input ends.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buffer_pool pool;

static struct protect *make(uint16_t version, bool is_clients)
{
	struct protect_secrets secrets = { .version = version,
					   .suite = version == 0x0304 ? 0x1303 : 0xcca9,
					   .n_secret = 32 };
	struct protect *protect = NULL;

	if (protect_new(&secrets, is_clients, &protect) < 0)
		abort();
	return protect;
}

/* Seals one record out of the input into the socket. False: the input is at its end. */
static bool say(struct protect *peer, int fd, const uint8_t **data, size_t *size)
{
	uint8_t record[256 + PROTECT_OVERHEAD_MAX];
	size_t n, length;

	if (*size < 2)
		return false;
	n = (*data)[1];
	if (n > *size - 2)
		n = *size - 2;
	length = protect_seal(peer, (*data)[0], *data + 2, n, record);
	*data += 2 + n;
	*size -= 2 + n;
	return send(fd, record, length, MSG_NOSIGNAL) == (ssize_t)length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = size > 0 ? data[0] : 0;
	uint16_t version = choice & 1 ? 0x0304 : 0x0303;
	bool is_upstream = choice & 2;
	struct protect *peer = make(version, !is_upstream);
	struct sock sock = { 0 };
	struct channel_options options = { .sock = &sock,
					   .pool = &pool,
					   .version = version,
					   .is_upstream = is_upstream,
					   .hears_late = choice & 4,
					   .may_be_asked = choice & 8,
					   .reads = make(version, !is_upstream),
					   .writes = make(version, is_upstream) };
	static uint8_t bytes[SESSION_READ_ROOM];
	enum session_io io = SESSION_OK;
	struct channel *channel;
	int fds[2];
	size_t n;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0 ||
	    channel_new(&options, &channel) < 0)
		abort();
	sock.fd = fds[0];
	if (size > 0) {
		data++;
		size--;
	}
	while ((io == SESSION_OK || io == SESSION_WAIT) && say(peer, fds[1], &data, &size)) {
		sock.readable = sock.writable = true;
		if (choice & 16)
			(void)channel_hear(channel);
		do {
			io = channel_read(channel, bytes, choice & 32 ? 7 : sizeof(bytes), &n);
		} while (io == SESSION_OK);
		while (recv(fds[1], bytes, sizeof(bytes), 0) > 0)
			;
	}
	(void)channel_close_notify(channel);
	(void)channel_request(channel, &n);
	channel_free(channel);
	protect_free(peer);
	buffer_pool_deinit(&pool);
	close(fds[0]);
	close(fds[1]);
	return 0;
}
