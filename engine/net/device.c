/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/device.h"

#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

bool device_is_up(const char *name)
{
	struct ifreq request = { 0 };
	int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_up;

	if (any < 0)
		return false;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	is_up = ioctl(any, SIOCGIFFLAGS, &request) == 0 && request.ifr_flags & IFF_UP;
	close(any);
	return is_up;
}
