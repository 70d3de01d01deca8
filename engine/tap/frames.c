/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "tap/journal.h"
#include "tap/syslog.h"

unsigned event_severity(enum event_type type)
{
	switch (type) {
	case EVENT_LOST:
		return LOG_ERR;
	case EVENT_ALERT:
	case EVENT_VERIFICATION:
		return LOG_WARNING;
	case EVENT_MODE:
	case EVENT_RELOAD:
		return LOG_NOTICE;
	case EVENT_CONNECTION:
	case EVENT_LEARNED:
	case EVENT_ISSUED:
	case EVENT_STATS:
	case EVENT_N_TYPES:
		break;
	}
	return LOG_INFO;
}

int frames_append(struct frames *frames, const void *bytes, size_t n)
{
	if (frames->n + n > frames->room) {
		size_t room = 2 * (frames->n + n);
		char *more = realloc(frames->bytes, room);

		if (!more)
			return -ENOMEM;
		frames->bytes = more;
		frames->room = room;
	}
	memcpy(frames->bytes + frames->n, bytes, n);
	frames->n += n;
	return 0;
}

static int add_line(struct frames *frames, const char *text, size_t n)
{
	int r = frames_append(frames, text, n);

	return r < 0 ? r : frames_append(frames, "\n", 1);
}

int frames_add(struct frames *frames, const struct output_options *options, enum event_type type,
	       const char *text, size_t n)
{
	size_t before = frames->n;
	int r = -ENOMEM;

	if (frames->count == FRAMES_MAX)
		return r;
	switch (options->kind) {
	case OUTPUT_FILE:
	case OUTPUT_STDOUT:
	case OUTPUT_UNIX:
		r = add_line(frames, text, n);
		break;
	case OUTPUT_SYSLOG:
		r = syslog_add(frames, options, type, text, n);
		break;
	case OUTPUT_JOURNAL:
		r = journal_add(frames, type, text, n);
		break;
	case OUTPUT_N_KINDS:
		break;
	}
	if (r < 0)
		frames->n = before;
	else
		frames->ends[frames->count++] = frames->n;
	return r;
}

void frames_advance(struct frames *frames, size_t n)
{
	frames->sent += n;
	while (frames->done < frames->count && frames->ends[frames->done] <= frames->sent)
		frames->done++;
}
