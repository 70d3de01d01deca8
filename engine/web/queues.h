/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_WEB_QUEUES_H
#define POSTERN_WEB_QUEUES_H

#include <stdbool.h>

/* What the kernel says of its queues, in a file that only root opens. */

enum { QUEUES_MAX = 2 };

struct queue_facts {
	unsigned number;
	unsigned length;         /* packets that wait */
	unsigned queue_dropped;  /* it was full */
	unsigned socket_dropped; /* its reader's socket was */
};

struct queues {
	unsigned n;
	struct queue_facts at[QUEUES_MAX];
};

#define QUEUES_FILE "/proc/net/netfilter/nfnetlink_queue"

/* Those from number `first` on, as far as there are any; `fd` < 0: none is known. */
void queues_read(int fd, unsigned first, struct queues *ret_queues);
/* The same of the file's text, which is cut off at its end if it is long. */
void queues_parse(const char *text, unsigned first, struct queues *ret_queues);

#endif
