/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_JOURNAL_H
#define POSTERN_TAP_JOURNAL_H

#include "tap/outgoing.h"

/*
 * An entry of systemd's journal around an event, in the journal's own protocol: one datagram of
 * fields, "NAME=value" or, for any bytes, "NAME", their number and they. The event is the message;
 * each text, number and boolean in it is a field besides, so that it can be asked for:
 * POSTERN_TLS_SNI, POSTERN_FLOW_BYTES_TOCLIENT.
 * https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
 */

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

int journal_add(struct outgoing *outgoing, enum event_type type, const char *text, size_t n);

/* Sends one that is too large for a datagram, in a sealed piece of memory. 0 or -errno. */
int journal_send_large(int fd, const void *bytes, size_t n);

#endif
