/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { RECEIVE_BUFFER = 4 << 20 }; /* bytes; what it cannot hold counts as overflow */

/* Sends a request and waits for its acknowledgement. */
static int request(struct queue *queue, struct nlmsghdr *message)
{
	alignas(8) char answer[1024];
	ssize_t n;

	message->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0)
		return -errno;
	do { /* the queue may speak before it acknowledges */
		n = mnl_socket_recvfrom(queue->socket, answer, sizeof(answer));
		if (n < 0 && errno != ENOBUFS && errno != ENOSPC)
			return -errno;
	} while (n < (ssize_t)mnl_nlmsg_size(sizeof(struct nlmsgerr)) ||
		 ((struct nlmsghdr *)(void *)answer)->nlmsg_type != NLMSG_ERROR);
	return ((struct nlmsgerr *)mnl_nlmsg_get_payload((void *)answer))->error;
}

static int bind_queue(struct queue *queue)
{
	alignas(8) char buffer[256];
	struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue->number);

	nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
	return request(queue, message);
}

static int set_parameters(struct queue *queue, unsigned length, bool overflows_open,
			  unsigned copied)
{
	uint32_t flags = NFQA_CFG_F_FAIL_OPEN;
	alignas(8) char buffer[256];
	struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue->number);

	nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, (int)copied);
	nfq_nlmsg_cfg_put_qmaxlen(message, length);
	mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(overflows_open ? flags : 0));
	mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(flags));
	return request(queue, message);
}

int queue_open(struct queue *queue, uint16_t number, unsigned length, bool overflows_open,
	       unsigned copied)
{
	struct timeval second = { .tv_sec = 1 };
	int size = RECEIVE_BUFFER, one = 1, fd, r;

	queue->number = number;
	queue->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!queue->socket)
		return -errno;
	fd = mnl_socket_get_fd(queue->socket);
	r = mnl_socket_bind(queue->socket, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof(one));
	if (r == 0)
		r = bind_queue(queue);
	if (r == 0)
		r = set_parameters(queue, length, overflows_open, copied);
	if (r < 0)
		queue_close(queue);
	return r;
}

void queue_close(struct queue *queue)
{
	if (queue->socket)
		mnl_socket_close(queue->socket);
	queue->socket = NULL;
}

int queue_fd(const struct queue *queue)
{
	return queue->socket ? mnl_socket_get_fd(queue->socket) : -1;
}

/* False: the message is no packet. */
static bool read_packet(const struct nlmsghdr *message, struct queued *queued)
{
	struct nlattr *attributes[NFQA_MAX + 1] = { NULL };
	const struct nfqnl_msg_packet_hdr *header;

	if (message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) ||
	    nfq_nlmsg_parse(message, attributes) < 0 || !attributes[NFQA_PACKET_HDR])
		return false;
	header = mnl_attr_get_payload(attributes[NFQA_PACKET_HDR]);
	*queued = (struct queued){ .id = ntohl(header->packet_id) };
	if (attributes[NFQA_MARK])
		queued->mark = ntohl(mnl_attr_get_u32(attributes[NFQA_MARK]));
	if (attributes[NFQA_PAYLOAD]) {
		queued->bytes = mnl_attr_get_payload(attributes[NFQA_PAYLOAD]);
		queued->n = mnl_attr_get_payload_len(attributes[NFQA_PAYLOAD]);
	}
	return true;
}

int queue_next(struct queue *queue, struct queued *ret_queued)
{
	const struct nlmsghdr *message = (const void *)queue->buffer;

	for (;;) {
		ssize_t n =
			recv(queue_fd(queue), queue->buffer, sizeof(queue->buffer), MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != EINTR && errno != ENOBUFS)
			return -errno;
		/* The kernel sends each packet by itself. */
		if (n > 0 && mnl_nlmsg_ok(message, (int)n) && read_packet(message, ret_queued))
			return 1;
	}
}

int queue_accept(struct queue *queue, uint32_t id, uint32_t mark)
{
	alignas(8) char buffer[256];
	struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_VERDICT, queue->number);

	nfq_nlmsg_verdict_put(message, (int)id, NF_ACCEPT);
	nfq_nlmsg_verdict_put_mark(message, mark);
	return mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0 ? -errno : 0;
}
