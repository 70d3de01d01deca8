/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/kernel_probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/kernel.h"

enum { TLS1_2 = 0x0303, TLS1_3 = 0x0304 };

const char *kernel_tls_text(enum kernel_tls ability)
{
#define KERNEL_TLS_TEXT(constant, text) [constant] = (text),
	static const char *const texts[] = { KERNEL_TLS(KERNEL_TLS_TEXT) };
#undef KERNEL_TLS_TEXT

	return texts[ability];
}

void kernel_tls_load(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	(void)kernel_attach(
		fd); /* fails: it is not connected; but the module is looked for first */
	close(fd);
}

/* Two ends of one connection. 0 or -errno. */
static int connect_to_itself(int ret_fds[2])
{
	struct sockaddr_in here = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *address = (struct sockaddr *)&here;
	socklen_t n = sizeof(here);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = -1;

	if (listener >= 0 && fd >= 0 && bind(listener, address, n) == 0 &&
	    listen(listener, 1) == 0 && getsockname(listener, address, &n) == 0 &&
	    connect(fd, address, n) == 0)
		r = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ret_fds[0] = fd;
	ret_fds[1] = r;
	r = r < 0 ? -errno : 0;
	if (r < 0 && fd >= 0)
		close(fd);
	if (listener >= 0)
		close(listener);
	return r;
}

/* Each way its key, so many times. 0 or -errno. */
static int try_version(uint16_t version, unsigned keys)
{
	struct protect_state state = { .version = version, .is_gcm = true, .key_size = 16 };
	int fds[2];
	int r = connect_to_itself(fds);

	if (r < 0)
		return r;
	r = kernel_attach(fds[0]);
	for (unsigned i = 0; i < keys && r == 0; i++) {
		r = kernel_set_key(fds[0], true, &state);
		if (r == 0)
			r = kernel_set_key(fds[0], false, &state);
	}
	close(fds[0]);
	close(fds[1]);
	return r;
}

enum kernel_tls kernel_tls_probe(const char **ret_why)
{
	int r = try_version(TLS1_2, 1);

	*ret_why = "";
	if (r < 0) {
		*ret_why = r == -ENOENT ? "no module of the name tls is loaded" : strerror(-r);
		return KERNEL_TLS_NONE;
	}
	if (try_version(TLS1_3, 2) < 0) {
		*ret_why = "it takes no second key, which TLS 1.3 wants";
		return KERNEL_TLS_12;
	}
	return KERNEL_TLS_13;
}
