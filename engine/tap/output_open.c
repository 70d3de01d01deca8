/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tap/journal.h"
#include "tap/output.h"

enum {
	CONNECT_MS = 1000,
	DEAD_MS = 30000,       /* without an answer of the other machine, a connection is broken */
	OLDER_MAX = 4096 + 16, /* a path and a number */
};

#define WORD(name, word) word,

void output_name(const struct output_options *options, char name[OUTPUT_NAME_MAX])
{
	static const char *const kinds[] = { OUTPUT_KINDS(WORD) };
	static const char *const transports[] = { OUTPUT_TRANSPORTS(WORD) };
	const char *kind = kinds[options->kind];
	const char *transport = transports[options->transport];

	if (options->kind != OUTPUT_SYSLOG)
		snprintf(name, OUTPUT_NAME_MAX, "%s%s%s", kind, *options->target ? " " : "",
			 options->target);
	else if (options->transport == OUTPUT_BY_UNIX)
		snprintf(name, OUTPUT_NAME_MAX, "%s %s:%s", kind, transport, options->target);
	else
		snprintf(name, OUTPUT_NAME_MAX, "%s %s:%s:%s", kind, transport, options->target,
			 options->port);
}

/* --- sockets --- */

/* A socket that is connected to the address, or -errno. */
static int connect_to(int family, int type, const struct sockaddr *address, socklen_t n)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	socklen_t n_error = sizeof(int);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, address, n) < 0)
		error = errno;
	if (error == EINPROGRESS) {
		error = ETIMEDOUT;
		if (poll(&ready, 1, CONNECT_MS) == 1)
			(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n_error);
	}
	if (error == 0)
		return fd;
	close(fd);
	return -error;
}

static int open_unix(const char *path, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	return connect_to(AF_UNIX, type, (struct sockaddr *)&address, sizeof(address));
}

static int open_inet(const char *host, const char *port, int type)
{
	struct addrinfo hints = { .ai_socktype = type, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *found = NULL;
	unsigned dead = DEAD_MS;
	int on = 1, fd = -EHOSTUNREACH;

	if (getaddrinfo(host, port, &hints, &found) != 0)
		return fd;
	for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
		fd = connect_to(at->ai_family, type, at->ai_addr, at->ai_addrlen);
	freeaddrinfo(found);
	if (fd >= 0 && type == SOCK_STREAM) {
		(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead, sizeof(dead));
	}
	return fd;
}

static int open_syslog(const struct output_options *options)
{
	switch (options->transport) {
	case OUTPUT_BY_UNIX:
		return open_unix(options->target, SOCK_DGRAM);
	case OUTPUT_BY_TCP:
		return open_inet(options->target, options->port, SOCK_STREAM);
	case OUTPUT_BY_UDP:
		return open_inet(options->target, options->port, SOCK_DGRAM);
	}
	return -EINVAL;
}

int output_open(const struct output_options *options)
{
	int fd = -EINVAL;

	switch (options->kind) {
	case OUTPUT_FILE: /* without O_NONBLOCK a pipe would wait for its reader */
		fd = open(options->target,
			  O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
		return fd < 0 ? -errno : fd;
	case OUTPUT_STDOUT:
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	case OUTPUT_JOURNAL:
		return open_unix(*options->target ? options->target : JOURNAL_SOCKET, SOCK_DGRAM);
	case OUTPUT_SYSLOG:
		return open_syslog(options);
	case OUTPUT_UNIX:
		return open_unix(options->target, SOCK_STREAM);
	case OUTPUT_N_KINDS:
		break;
	}
	return fd;
}

/* --- files --- */

/* What a full disk or a power cut left of a line must not be glued to the next one. */
static void end_line(const struct output *output, uint64_t size)
{
	int fd = open(output->options.target, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char last = '\n';

	if (fd >= 0 && pread(fd, &last, 1, (off_t)size - 1) == 1 && last != '\n')
		(void)!write(output->fd, "\n", 1);
	if (fd >= 0)
		close(fd);
}

void output_adopt(struct output *output, int fd)
{
	struct stat stat = { 0 };

	output->fd = fd;
	(void)fstat(fd, &stat);
	output->is_regular = S_ISREG(stat.st_mode);
	output->is_socket = S_ISSOCK(stat.st_mode);
	output->size = output->is_regular ? (uint64_t)stat.st_size : 0;
	if (output->is_regular && output->options.kind == OUTPUT_FILE && output->size > 0)
		end_line(output, output->size);
}

/* Somebody else, perhaps the engine that this one replaces, has turned it over already. */
static bool was_rotated(const struct output_options *options, int fd)
{
	struct stat here, there;

	return fstat(fd, &here) == 0 && stat(options->target, &there) == 0 &&
	       (here.st_ino != there.st_ino || here.st_dev != there.st_dev);
}

int output_rotate(const struct output_options *options, int fd)
{
	char newer[OLDER_MAX], older[OLDER_MAX];

	if (was_rotated(options, fd))
		return output_open(options);

	for (unsigned i = options->keep; i > 0; i--) {
		snprintf(older, sizeof(older), "%s.%u", options->target, i);
		snprintf(newer, sizeof(newer), "%s.%u", options->target, i - 1);
		if (rename(i > 1 ? newer : options->target, older) < 0 && errno != ENOENT)
			return -errno;
	}
	return output_open(options);
}
