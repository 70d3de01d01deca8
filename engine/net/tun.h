/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_NET_TUN_H
#define POSTERN_NET_TUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TUN_NAME "postern0"

/*
 * The device by which a packet comes back into the kernel as if it had just been received
 * (Documentation/networking/tuntap.rst). postern-rules makes it and takes it away.
 */
struct tun {
	int fd;         /* of /dev/net/tun, or -1 */
	unsigned index; /* of the device that it is attached to; 0: of none */
};

/* Opens /dev/net/tun, which may take root. The descriptor or -errno. */
int tun_open(void);

/*
 * Attaches to the device, if there is one and that was not done yet; lets go of one that is gone.
 * Needs CAP_NET_ADMIN. 0, or -errno: -ENODEV when there is none.
 */
int tun_attach(struct tun *tun);

/* One IP packet, whole. 0 or -errno. */
int tun_write(const struct tun *tun, const uint8_t *bytes, size_t n);

#endif
