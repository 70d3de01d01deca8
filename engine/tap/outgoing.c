/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/outgoing.h"

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
	case EVENT_HTTP:
	case EVENT_STATS:
	case EVENT_N_TYPES:
		break;
	}
	return LOG_INFO;
}

int outgoing_append(struct outgoing *outgoing, const void *bytes, size_t n)
{
	if (outgoing->n + n > outgoing->room) {
		size_t room = 2 * (outgoing->n + n);
		char *more = realloc(outgoing->bytes, room);

		if (!more)
			return -ENOMEM;
		outgoing->bytes = more;
		outgoing->room = room;
	}
	memcpy(outgoing->bytes + outgoing->n, bytes, n);
	outgoing->n += n;
	return 0;
}

static int add_line(struct outgoing *outgoing, const char *text, size_t n)
{
	int r = outgoing_append(outgoing, text, n);

	return r < 0 ? r : outgoing_append(outgoing, "\n", 1);
}

int outgoing_add(struct outgoing *outgoing, const struct output_options *options,
		 enum event_type type, const char *text, size_t n)
{
	size_t before = outgoing->n;
	int r = -ENOMEM;

	if (outgoing->count == OUTGOING_MAX)
		return r;
	switch (options->kind) {
	case OUTPUT_FILE:
	case OUTPUT_STDOUT:
	case OUTPUT_UNIX:
		r = add_line(outgoing, text, n);
		break;
	case OUTPUT_SYSLOG:
		r = syslog_add(outgoing, options, type, text, n);
		break;
	case OUTPUT_JOURNAL:
		r = journal_add(outgoing, type, text, n);
		break;
	case OUTPUT_N_KINDS:
		break;
	}
	if (r < 0)
		outgoing->n = before;
	else
		outgoing->ends[outgoing->count++] = outgoing->n;
	return r;
}

void outgoing_advance(struct outgoing *outgoing, size_t n)
{
	outgoing->sent += n;
	while (outgoing->done < outgoing->count && outgoing->ends[outgoing->done] <= outgoing->sent)
		outgoing->done++;
}
