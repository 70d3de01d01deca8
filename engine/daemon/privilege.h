/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_PRIVILEGE_H
#define POSTERN_DAEMON_PRIVILEGE_H

#include <stdbool.h>

/*
 * Becomes `user` ("": stays), keeping only what the engine needs for each connection: CAP_NET_RAW,
 * which SO_MARK and the client's own address ask for. No new privileges, no core dumps unless
 * wanted. 0 or -errno; says what failed itself.
 */
int privilege_drop(const char *user, bool core_dumps);

/* As many descriptors as the system allows. */
void privilege_raise_descriptors(void);

#endif
