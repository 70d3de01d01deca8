/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_PRIVILEGE_H
#define POSTERN_DAEMON_PRIVILEGE_H

#include <linux/capability.h>
#include <stdbool.h>

enum { PRIVILEGE_NONE = -1 };

/*
 * Becomes `user` ("": stays) and keeps one capability, CAP_* of linux/capability.h, or none
 * (PRIVILEGE_NONE): the engine needs CAP_NET_RAW for SO_MARK and the client's own address, the gate
 * CAP_NET_ADMIN for the kernel's queues and sets. No new privileges, no core dumps unless wanted. 0
 * or -errno; says what failed itself.
 */
int privilege_drop(const char *user, int capability, bool core_dumps);

/* Whether privilege_drop() will find that user; says so itself when not. */
bool privilege_is_user(const char *user);

/* As many descriptors as the system allows. */
void privilege_raise_descriptors(void);

#endif
