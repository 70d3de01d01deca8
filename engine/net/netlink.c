/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { MESSAGE_MAX = 1024 }; /* room that each message is sure to have */

int netlink_open(struct netlink *nl)
{
	struct timeval second = { .tv_sec = 1 };
	int r = 0;

	memset(nl, 0, sizeof(*nl));
	nl->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!nl->socket)
		return -errno;
	if (mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, SO_RCVTIMEO, &second,
		       sizeof(second)) < 0)
		r = -errno;
	if (r < 0)
		netlink_close(nl);
	return r;
}

void netlink_close(struct netlink *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	nl->socket = NULL;
}

void netlink_begin(struct netlink *nl)
{
	nl->used = 0;
	nl->n_messages = 0;
	nl->first = nl->sequence + 1;
}

struct nlmsghdr *netlink_message(struct netlink *nl, uint16_t type, uint16_t flags, uint8_t family,
				 uint16_t resource)
{
	struct nlmsghdr *message;
	struct nfgenmsg *header;

	if (sizeof(nl->buffer) - nl->used < MESSAGE_MAX)
		return NULL;
	message = mnl_nlmsg_put_header(nl->buffer + nl->used);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++nl->sequence;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	header->res_id = htons(resource);
	return message;
}

void netlink_end(struct netlink *nl, const struct nlmsghdr *message)
{
	nl->used += NLMSG_ALIGN(message->nlmsg_len);
	if (message->nlmsg_flags & (NLM_F_ACK | NLM_F_DUMP))
		nl->n_messages++;
}

/* How many requests this answer ends: 0 or 1. Notes the first mistake. */
static unsigned take_answer(const struct nlmsghdr *message, int *result)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type == NLMSG_DONE)
		return 1;
	if (message->nlmsg_type != NLMSG_ERROR ||
	    message->nlmsg_len < mnl_nlmsg_size(sizeof(*error)))
		return 0;
	if (error->error < 0 && *result == 0)
		*result = error->error;
	return 1;
}

int netlink_send(struct netlink *nl, void (*see)(const struct nlmsghdr *message, void *context),
		 void *context)
{
	alignas(8) char answer[32768];
	unsigned left = nl->n_messages;
	int result = 0;

	if (mnl_socket_sendto(nl->socket, nl->buffer, nl->used) < 0)
		return -errno;
	while (left > 0) {
		ssize_t got = mnl_socket_recvfrom(nl->socket, answer, sizeof(answer));
		const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)answer;
		int n = (int)got;

		if (got < 0 && errno == EAGAIN)
			return result < 0 ? result : -ETIMEDOUT;
		if (got < 0)
			return -errno;
		for (; mnl_nlmsg_ok(message, n); message = mnl_nlmsg_next(message, &n)) {
			if (message->nlmsg_seq < nl->first)
				continue; /* a late answer to a request that was given up */
			if (message->nlmsg_type >= NLMSG_MIN_TYPE && see)
				see(message, context);
			left -= take_answer(message, &result) > 0 && left > 0 ? 1 : 0;
			/* A batch that is refused as a whole is answered once, for its first. */
			if (result < 0 && message->nlmsg_seq == nl->first)
				return result;
		}
	}
	return result;
}
