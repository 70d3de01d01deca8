/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_CHANNEL_H
#define POSTERN_TLS_CHANNEL_H

#include "base/reader.h"
#include "base/sock.h"
#include "tls/buffer.h"
#include "tls/kernel_probe.h"
#include "tls/protect.h"
#include "tls/session.h"

/*
 * Both directions of a session after its handshake, over its socket: records, alerts and the few
 * messages that may come then. What it does is what session.h says. Private to this folder.
 */
struct channel;

struct channel_options {
	struct sock *sock; /* borrowed, as is the pool */
	struct buffer_pool *pool;
	uint16_t version;
	bool is_upstream;
	bool hears_late;                /* see upstream_hear_late() */
	bool may_be_asked;              /* TLS 1.3: we offered post_handshake_auth */
	struct protect *reads, *writes; /* taken over, also on failure */
	/* The handshake's last words, to go out first; taken over, not on failure; NULL: none. */
	struct buffer *unsent;
	bool is_unsent_lazy; /* nobody awaits them: they may go with what is written first */
	/* TLS 1.3: a server's NewSessionTicket, its body; NULL: nobody wants it. */
	void (*ticket)(void *context, struct reader body);
	void *context;
};

int channel_new(const struct channel_options *options, struct channel **ret_channel);
void channel_free(struct channel *channel);

enum session_io channel_read(struct channel *channel, uint8_t *bytes, size_t n, size_t *ret_n);
enum session_io channel_hear(struct channel *channel);
enum session_io channel_write(struct channel *channel, const uint8_t *bytes, size_t n,
			      size_t *ret_n);
enum session_io channel_flush(struct channel *channel, enum session_flush which);
enum session_io channel_close_notify(struct channel *channel);
/* All is sent, and the key is not worn. */
enum session_io channel_refresh(struct channel *channel);
/* As session_refuse(). */
void channel_refuse(struct channel *channel, uint8_t alert);

enum session_io channel_drain(struct channel *channel);
/* As those of the session, see session.h. */
int channel_read_by_kernel(struct channel *channel, enum kernel_tls ability);
int channel_write_by_kernel(struct channel *channel, enum kernel_tls ability);
bool channel_gives_data(struct channel *channel);
void channel_gave_data(struct channel *channel);
void channel_took_data(struct channel *channel, size_t n);
enum session_io channel_socket_failed(struct channel *channel, int error);

/* The last fatal alert received. */
uint8_t channel_alert(const struct channel *channel);
/* "" when nothing went wrong. */
const char *channel_error(const struct channel *channel);
/* With SESSION_WANTS_CERTIFICATE in TLS 1.3: the request's body; NULL: it is not all there. */
const uint8_t *channel_request(const struct channel *channel, size_t *ret_n);

#endif
