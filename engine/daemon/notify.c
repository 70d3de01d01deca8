/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

enum {
	FIRST = 3,     /* SD_LISTEN_FDS_START */
	AT_ONCE = 128, /* descriptors in one message; the kernel takes 253 */
};

static const char listener_name[] = "postern-listener";

/* 0: there is no manager. A leading @ stands for the NUL of the abstract namespace. */
static socklen_t manager_address(struct sockaddr_un *ret_address)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof(ret_address->sun_path) || (path[0] != '/' && path[0] != '@'))
		return 0;
	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sun_family = AF_UNIX;
	memcpy(ret_address->sun_path, path, n);
	if (path[0] == '@')
		ret_address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static void send_message(const char *text, const int *fds, unsigned n)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * AT_ONCE)];
	} rights;
	struct sockaddr_un address;
	struct iovec iov = { .iov_base = (char *)(uintptr_t)text, .iov_len = strlen(text) };
	struct msghdr message = { .msg_name = &address,
				  .msg_namelen = manager_address(&address),
				  .msg_iov = &iov,
				  .msg_iovlen = 1 };
	int fd;

	if (message.msg_namelen == 0)
		return;
	if (n > 0) {
		memset(&rights, 0, sizeof(rights));
		message.msg_control = &rights;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		rights.header.cmsg_level = SOL_SOCKET;
		rights.header.cmsg_type = SCM_RIGHTS;
		rights.header.cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(&rights.header), fds, sizeof(int) * n);
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		log_warning("the service manager cannot be told: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

void notify_send(const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	send_message(text, NULL, 0);
}

/* The value of a variable that is a number; `fallback` when it is not. */
static unsigned long long number_of(const char *name, unsigned long long fallback)
{
	const char *text = getenv(name);
	char *end;
	unsigned long long value;

	if (!text || text[0] < '0' || text[0] > '9')
		return fallback;
	errno = 0;
	value = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' ? value : fallback;
}

uint64_t notify_watchdog(void)
{
	unsigned long long self = (unsigned long long)getpid();

	if (number_of("WATCHDOG_PID", self) != self)
		return 0;
	return number_of("WATCHDOG_USEC", 0) / 1000;
}

unsigned notify_take(int *ret_fds, unsigned n)
{
	unsigned long long given = number_of("LISTEN_FDS", 0);
	unsigned taken = 0;

	if (number_of("LISTEN_PID", 0) != (unsigned long long)getpid())
		given = 0;
	for (int fd = FIRST; given > 0; fd++, given--) {
		if (taken == n || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			break;
		ret_fds[taken++] = fd;
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return taken;
}

void notify_keep(const int *fds, unsigned n)
{
	char text[64];

	notify_send("FDSTOREREMOVE=1\nFDNAME=%s", listener_name);
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", listener_name);
	for (unsigned i = 0; i < n; i += AT_ONCE)
		send_message(text, fds + i, n - i < AT_ONCE ? n - i : AT_ONCE);
}
