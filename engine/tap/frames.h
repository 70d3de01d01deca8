/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_FRAMES_H
#define POSTERN_TAP_FRAMES_H

#include <stddef.h>

#include "base/event.h"

/* Events as an output writes them, one behind the other. */

enum { FRAMES_MAX = 512 };

struct frames {
	char *bytes; /* owned */
	size_t n, room;
	unsigned count;
	size_t ends[FRAMES_MAX];
	unsigned done; /* of them are gone */
	size_t sent;   /* bytes are gone, which may end inside one */
};

static inline void frames_clear(struct frames *frames)
{
	frames->n = frames->sent = 0;
	frames->count = frames->done = 0;
}

/* Where the first begins that is not gone. */
static inline size_t frames_at(const struct frames *frames)
{
	return frames->done > 0 ? frames->ends[frames->done - 1] : 0;
}

/*
 * Adds an event, as this output wants it. 0; -ENOMEM, also of what cannot be written that way; the
 * frames are then as before.
 */
int frames_add(struct frames *frames, const struct output_options *options, enum event_type type,
	       const char *text, size_t n);

/* n bytes more have gone: counts the frames that went with them. */
void frames_advance(struct frames *frames, size_t n);

/* --- for those who write one (syslog.c, journal.c) --- */

/* 0 or -ENOMEM. */
int frames_append(struct frames *frames, const void *bytes, size_t n);

/* How severe events of this kind are, as syslog(3) counts. */
unsigned event_severity(enum event_type type);

#endif
