/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_DAEMON_AUDIT_H
#define POSTERN_DAEMON_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/config.h"

/*
 * The file in which certgen records what it issues. It is opened here: certgen may open nothing,
 * and the engine, which speaks with hostile servers, must not be able to change what is in it. Also
 * here it is begun anew when it has grown (audit.size): the old one gets the time behind its name,
 * and goes when it is too old or one too many.
 */
struct audit {
	int fd;          /* for appending, what certgen has; -1: it cannot be opened */
	uint64_t looked; /* ms */
	bool is_failing; /* and that was said */
};

#define AUDIT_NONE ((struct audit){ .fd = -1 })

/* Every second: true when there is a new `fd`, which certgen is to get. */
bool audit_tend(struct audit *audit, const struct config *config, uint64_t now_ms);
void audit_close(struct audit *audit);

#endif
