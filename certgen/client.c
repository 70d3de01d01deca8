/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/client.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "certgen/wire.h"

/* One record made of `n` parts. */
static int send_parts(int fd, struct iovec *parts, size_t n)
{
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = n };
	ssize_t sent;

	do
		sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int certgen_send_keys(int fd, const uint8_t *ec_spki, size_t ec_length, const uint8_t *rsa_spki,
		      size_t rsa_length)
{
	uint8_t message[WIRE_KEYS_MAX];
	struct wire_keys keys = { .spki = {
					  [CERTGEN_KEY_EC] = { ec_spki, ec_length },
					  [CERTGEN_KEY_RSA] = { rsa_spki, rsa_length },
				  } };
	struct iovec part = { message, wire_write_keys(&keys, message) };

	return part.iov_len > 0 ? send_parts(fd, &part, 1) : -EMSGSIZE;
}

int certgen_send(int fd, const struct certgen_request *request)
{
	uint8_t head[WIRE_REQUEST_HEAD_MAX];
	struct iovec parts[] = {
		{ head, wire_write_request_head(request, head) },
		{ (void *)request->leaf, request->leaf_length },
	};

	return parts[0].iov_len > 0 ? send_parts(fd, parts, 2) : -EMSGSIZE;
}

int certgen_receive(int fd, uint8_t *buffer, size_t size, struct certgen_answer *ret_answer)
{
	ssize_t n;

	/* MSG_TRUNC: the length that the record really had. */
	do
		n = recv(fd, buffer, size, MSG_DONTWAIT | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return -EPIPE;
	if (n < 0)
		return -errno;
	if ((size_t)n > size)
		return -EBADMSG;
	return wire_parse_answer(buffer, (size_t)n, ret_answer);
}
