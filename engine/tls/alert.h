/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_ALERT_H
#define POSTERN_TLS_ALERT_H

#include "base/sock.h"

/* AlertDescription (RFC 8446 section 6), those that the engine sends, or looks for. */
enum alert {
	ALERT_UNEXPECTED_MESSAGE = 10,
	ALERT_HANDSHAKE_FAILURE = 40,
	ALERT_NO_CERTIFICATE = 41,
	ALERT_BAD_CERTIFICATE = 42,
	ALERT_CERTIFICATE_REVOKED = 44,
	ALERT_CERTIFICATE_EXPIRED = 45,
	ALERT_CERTIFICATE_UNKNOWN = 46,
	ALERT_ILLEGAL_PARAMETER = 47,
	ALERT_UNKNOWN_CA = 48,
	ALERT_ACCESS_DENIED = 49,
	ALERT_DECODE_ERROR = 50,
	ALERT_PROTOCOL_VERSION = 70,
	ALERT_INTERNAL_ERROR = 80,
	ALERT_CERTIFICATE_REQUIRED = 116,
};

/*
 * Answers a ClientHello with a fatal alert in the clear, before any ServerHello. It is the first
 * thing that is written to the socket, so its buffer has room; that it arrives cannot be promised.
 */
void alert_send(struct sock *sock, enum alert alert);

#endif
