/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_MBED_ALERT_H
#define POSTERN_TLS_MBED_ALERT_H

#include <stdint.h>

struct session;

/* Before each call of the library that may find the client wrong. */
void mbed_alert_prepare(struct session *session);

/* What the library writes in that call. */
void mbed_alert_note(struct session *session, const uint8_t *bytes);

/* After a call that failed: an alert to the client, unless the library has sent one. */
void mbed_alert_tell(struct session *session, int error);

/* One of our own, after mbed_alert_prepare(), under whatever key the client has by now. */
void mbed_alert_send(struct session *session, uint8_t alert);

#endif
