/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_CHANNEL_SELF_H
#define POSTERN_TLS_CHANNEL_SELF_H

#include "tls/channel.h"
#include "tls/kernel.h"
#include "tls/outbox.h"

/* What channel.c and channel_kernel.c share, and nobody else knows. */

enum {
	ALERT_WARNING = 1,
	ALERT_FATAL = 2,
	CLOSE_NOTIFY = 0,
	UNEXPECTED_MESSAGE = 10,
	BAD_RECORD_MAC = 20,
	RECORD_OVERFLOW = 22,
	ILLEGAL_PARAMETER = 47,
	DECODE_ERROR = 50,
	INTERNAL_ERROR = 80,
	USER_CANCELED = 90,
	NO_RENEGOTIATION = 100,
};

enum {
	HELLO_REQUEST = 0,
	CLIENT_HELLO = 1,
	NEW_SESSION_TICKET = 4,
	CERTIFICATE_REQUEST = 13,
	KEY_UPDATE = 24,
};

struct channel {
	struct channel_options its;
	struct buffer *in;   /* records as received; NULL: none */
	struct outbox out;   /* records that are to be sent */
	struct buffer *data; /* content for which the caller had no room; NULL: none */
	uint8_t *message;    /* of the handshake, so far; owned */
	size_t n_message;
	unsigned idle;          /* records without data, in a row */
	bool has_spoken;        /* anything came that was not wrong */
	bool is_closed;         /* close_notify came */
	bool is_ended;          /* FIN came */
	bool is_asked;          /* for a certificate */
	bool is_notified;       /* our close_notify is among what is sealed */
	bool awaits_kernel;     /* to open what comes: no more is received than a record */
	int kernel_error;       /* -errno: it cannot */
	bool is_attached;       /* to the kernel's record layer */
	bool has_kernel_reads;  /* it opens what comes */
	bool has_kernel_writes; /* it seals what goes; `out` has records in the clear */
	struct kernel_writer kernel;
	unsigned n_asked;        /* the kernel, in vain, whether that was all */
	enum session_io failure; /* SESSION_OK: none */
	uint8_t alert;
	const char *error;
	char text[64];
};

/* The peer broke TLS, or we cannot go on: it is told, as far as that is possible. */
enum session_io channel_fail(struct channel *channel, uint8_t alert, const char *error);
/* Whether it is over already, and how. */
enum session_io channel_state(struct channel *channel);

/* One more record of no data, behind those that are to be sent. */
bool channel_kernel_seal(struct channel *channel, uint8_t type, const uint8_t *bytes, size_t n);
/* Sends those. After a KeyUpdate the key is the next one. */
enum session_io channel_kernel_flush(struct channel *channel);
/* Those, and then data. */
enum session_io channel_kernel_write(struct channel *channel, const uint8_t *bytes, size_t n,
				     size_t *ret_n);
/* The next record, or some in a row that are data. `bytes` has room for any record. */
enum session_io channel_kernel_open(struct channel *channel, uint8_t *bytes, size_t n,
				    uint8_t *ret_type, size_t *ret_n);
/* With awaits_kernel: it does from now on, or never, unless a record is half read. */
void channel_kernel_take_reads(struct channel *channel);
/* The key of what is read was updated. 0 or -errno. */
int channel_kernel_renew(struct channel *channel);

#endif
