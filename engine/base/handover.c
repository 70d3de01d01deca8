/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int handover_send(int control, const int *fds, unsigned n)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * HANDOVER_MAX)];
	} rights;
	char byte = 'c';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &rights,
				  .msg_controllen = CMSG_SPACE(sizeof(int) * n) };
	struct cmsghdr *header;

	memset(&rights, 0, sizeof(rights));
	header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(header), fds, sizeof(int) * n);
	return sendmsg(control, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int handover_receive(int control, int *ret_fds, unsigned n)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * HANDOVER_MAX)];
	} rights;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &rights,
				  .msg_controllen = sizeof(rights) };
	struct cmsghdr *header;
	unsigned got;

	if (recvmsg(control, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) < 0)
		return -errno;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return 0;
	got = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(ret_fds, CMSG_DATA(header), sizeof(int) * (got < n ? got : n));
	return (int)(got < n ? got : n);
}
