/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_SANDBOX_H
#define POSTERN_CERTGEN_SANDBOX_H

#include <stdbool.h>

/* What keeps the CA key in this process, and this process away from everything else. */

/*
 * Before a key is read: no core dump, no debugger, no key on a swap device (a warning when that
 * cannot be had), nor any other page of ours if the limits allow that much. 0, or -errno with a
 * line in the log.
 */
int sandbox_protect_memory(bool core_dumps);

struct sandbox {
	const char *user; /* "": we stay who we are */
	bool core_dumps;
	bool has_files; /* filter_enter()'s */
	int highest_fd;
};

/*
 * After everything was opened: no network, no capability, the user's identity, no descriptor above
 * `highest_fd` unless files may be opened, and few system calls. 0, or -errno with a line in the
 * log.
 */
int sandbox_enter(const struct sandbox *sandbox);

#endif
