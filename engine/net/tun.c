/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int tun_open(void)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The kernel detaches a descriptor from a device that is deleted; then it takes another. */
int tun_attach(struct tun *tun)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	unsigned index = if_nametoindex(TUN_NAME);

	if (index != 0 && index == tun->index)
		return 0;
	tun->index = 0;
	if (index == 0) /* TUNSETIFF would make one that goes with us */
		return -ENODEV;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", TUN_NAME);
	if (ioctl(tun->fd, TUNSETIFF, &request) < 0)
		return -errno;
	tun->index = index;
	return 0;
}

int tun_write(const struct tun *tun, const uint8_t *bytes, size_t n)
{
	ssize_t written = tun->index == 0 ? -1 : write(tun->fd, bytes, n);

	if (tun->index == 0)
		return -ENODEV;
	if (written < 0)
		return -errno;
	return (size_t)written == n ? 0 : -EIO;
}
