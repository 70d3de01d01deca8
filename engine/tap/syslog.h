/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_SYSLOG_H
#define POSTERN_TAP_SYSLOG_H

#include "tap/outgoing.h"

/*
 * A message of syslog around an event: RFC 5424, or RFC 3164 in the form that programs write to the
 * socket of their own machine, without a host. Its time is the event's own. On a stream the length
 * goes before it (RFC 6587 section 3.4.1), so that no text can be taken for two messages.
 */
int syslog_add(struct outgoing *outgoing, const struct output_options *options,
	       enum event_type type, const char *text, size_t n);

#endif
