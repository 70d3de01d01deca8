/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_OUTGOING_H
#define POSTERN_TAP_OUTGOING_H

#include <stddef.h>

#include "base/event.h"

/* Events as an output writes them, one behind the other. */

enum { OUTGOING_MAX = 512 };

struct outgoing {
	char *bytes; /* owned */
	size_t n, room;
	unsigned count;
	size_t ends[OUTGOING_MAX];
	unsigned done; /* of them are gone */
	size_t sent;   /* bytes are gone, which may end inside one */
};

static inline void outgoing_clear(struct outgoing *outgoing)
{
	outgoing->n = outgoing->sent = 0;
	outgoing->count = outgoing->done = 0;
}

/* Where the first begins that is not gone. */
static inline size_t outgoing_at(const struct outgoing *outgoing)
{
	return outgoing->done > 0 ? outgoing->ends[outgoing->done - 1] : 0;
}

/*
 * Adds an event, as this output wants it. 0; -ENOMEM, also of what cannot be written that way; the
 * events are then as before.
 */
int outgoing_add(struct outgoing *outgoing, const struct output_options *options,
		 enum event_type type, const char *text, size_t n);

/* n bytes more have gone: counts the events that went with them. */
void outgoing_advance(struct outgoing *outgoing, size_t n);

/* --- for those who write one (syslog.c, journal.c) --- */

/* 0 or -ENOMEM. */
int outgoing_append(struct outgoing *outgoing, const void *bytes, size_t n);

/* How severe events of this kind are, as syslog(3) counts. */
unsigned event_severity(enum event_type type);

#endif
