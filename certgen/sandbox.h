/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_SANDBOX_H
#define POSTERN_CERTGEN_SANDBOX_H

#include <stdbool.h>

/* What keeps the CA key in this process, and this process away from everything else. */

/* Before a key is read: no core dump, no debugger, no page of ours on a swap device. */
int sandbox_protect_memory(bool core_dumps);

/*
 * After everything was opened: no network, no capability, the user's identity ("": we stay who we
 * are), and no descriptor above `highest_fd`. 0, or -errno with a line in the log.
 */
int sandbox_enter(const char *user, bool core_dumps, int highest_fd);

#endif
