/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_NET_TOLD_H
#define POSTERN_NET_TOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* What the engine tells the gate, over the datagram socket pair between them. */
struct told {
	union addr server; /* all that is there asks for certificates: the kernel may pass it */
	uint32_t seconds;  /* from now, at most TOLD_SECONDS_MAX */
};

enum { TOLD_SECONDS_MAX = 24 * 60 * 60 };

/* Never blocks. 0 or -errno; -EAGAIN: the gate is behind. */
int told_send(int line, const union addr *server, uint32_t seconds);

/* The next that was told; what makes no sense is skipped. False: there is none. */
bool told_receive(int line, struct told *ret_told);

#endif
