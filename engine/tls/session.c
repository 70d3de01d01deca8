/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A session after its handshake. When the library has nothing under way any more, its secrets go to
 * a channel of our own, and it is freed: it would keep two large buffers for each session, copy
 * every byte, and end when the peer updates its keys. It stays where the suite is none of ours.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "tls/mbed.h"

void session_free(struct session *session)
{
	if (!session)
		return;
	if (session->mbed)
		buffer_return(&session->thread->buffers, &session->mbed->out);
	mbed_free(session->mbed);
	channel_free(session->channel);
	explicit_bzero(&session->resumption, sizeof(session->resumption));
	certreq_deinit(&session->request);
	free(session->alpn);
	free(session);
}

/* --- what a later handshake can begin with --- */

static void keep_ticket(void *context, struct reader body)
{
	struct session *session = context;
	struct resumption *resumption = resumption_of_ticket(&session->resumption, body);

	if (resumption)
		session->keep(session->keeper, resumption);
}

/* TLS 1.2's is there when the handshake is over; in TLS 1.3 tickets come in the session. */
static void keep(struct session *session)
{
	struct resumption *resumption;

	if (!session->keep)
		return;
	if (session_facts(session).version > 0x0303) {
		resumption_secret_keep(&session->resumption, session);
		return;
	}
	resumption = resumption_of_session(session);
	if (resumption)
		session->keep(session->keeper, resumption);
}

/* --- taking over --- */

/* What is asked for later, and the library knows. */
static int keep_facts(struct session *session)
{
	struct session_facts facts = session_facts(session);

	if (facts.alpn && !(session->alpn = strdup(facts.alpn)))
		return -ENOMEM;
	session->version = facts.version;
	session->suite = facts.suite;
	return 0;
}

static int make_record(const struct session *session, bool is_clients, struct protect **ret_record)
{
	struct protect_secrets secrets = mbed_secrets(session, is_clients);
	int r = protect_new(&secrets, is_clients, ret_record);

	explicit_bzero(&secrets, sizeof(secrets));
	return r;
}

static int make_channel(struct session *session)
{
	struct channel_options options = {
		.sock = session->sock,
		.pool = &session->thread->buffers,
		.version = session->version,
		.is_upstream = session->is_upstream,
		.hears_late = session->hears_late,
		.may_be_asked = session->hears_late && session->has_post_handshake_auth,
		.ticket = session->keep ? keep_ticket : NULL,
		.context = session,
		.unsent = session->mbed->out,
		/* Of TLS 1.3, after the client's Finished: the ticket. */
		.is_unsent_lazy = session->version > 0x0303 && !session->is_upstream,
	};
	int r = make_record(session, !session->is_upstream, &options.reads);

	if (r == 0)
		r = make_record(session, session->is_upstream, &options.writes);
	if (r < 0) {
		protect_free(options.reads);
		return r;
	}
	r = channel_new(&options, &session->channel);
	if (r == 0)
		session->mbed->out = NULL;
	return r;
}

static void settle(struct session *session)
{
	if (session->is_settled || !mbed_is_at_rest(session))
		return;
	session->is_settled = true;
	keep(session);
	if (!protect_is_possible(session_facts(session).suite))
		return;
	if (keep_facts(session) < 0 || make_channel(session) < 0)
		return; /* the library goes on */
	mbed_free(session->mbed);
	session->mbed = NULL;
}

/* --- a request inside the session --- */

static enum session_io note(struct session *session, enum session_io io)
{
	const uint8_t *body;
	size_t n;

	if (io != SESSION_WANTS_CERTIFICATE || session->is_request_late)
		return io;
	session->is_request_seen = session->is_request_late = true;
	certreq_deinit(&session->request);
	session->request = (struct certreq){ 0 };
	body = channel_request(session->channel, &n);
	/* Without memory it is a request that names nobody. */
	if (body)
		(void)certreq_parse(body, n, session->version, &session->request);
	return io;
}

/* --- bytes --- */

enum session_io session_read(struct session *session, uint8_t *bytes, size_t n, size_t *ret_n)
{
	if (session->is_request_late)
		return SESSION_WANTS_CERTIFICATE;
	settle(session);
	return session->channel ? note(session, channel_read(session->channel, bytes, n, ret_n))
				: mbed_read(session, bytes, n, ret_n);
}

enum session_io session_hear(struct session *session)
{
	settle(session);
	return session->channel ? note(session, channel_hear(session->channel))
				: mbed_hear(session);
}

enum session_io session_write(struct session *session, const uint8_t *bytes, size_t n,
			      size_t *ret_n)
{
	if (session->is_request_late) /* the refusal that was held back would go first */
		return SESSION_WAIT;
	settle(session);
	return session->channel ? channel_write(session->channel, bytes, n, ret_n)
				: mbed_write(session, bytes, n, ret_n);
}

enum session_io session_flush(struct session *session, enum session_flush which)
{
	settle(session);
	return session->channel ? channel_flush(session->channel, which) : mbed_flush(session);
}

enum session_io session_close_notify(struct session *session)
{
	if (session->is_request_late)
		return SESSION_WAIT;
	settle(session);
	return session->channel ? channel_close_notify(session->channel)
				: mbed_close_notify(session);
}

void session_refuse(struct session *session, uint8_t alert)
{
	settle(session);
	if (session->channel)
		channel_refuse(session->channel, alert);
	else
		mbed_refuse(session, alert);
}

enum session_io session_drain(struct session *session)
{
	return session->channel ? channel_drain(session->channel) : SESSION_OK;
}

bool session_asks_again(const struct session *session)
{
	return session->sock->writable;
}

/* --- the kernel's record layer --- */

int session_read_by_kernel(struct session *session, enum kernel_tls ability)
{
	return session->channel ? channel_read_by_kernel(session->channel, ability) : -ENOTSUP;
}

int session_write_by_kernel(struct session *session, enum kernel_tls ability)
{
	return session->channel ? channel_write_by_kernel(session->channel, ability) : -ENOTSUP;
}

bool session_gives_data(struct session *session)
{
	return !session->is_request_late && channel_gives_data(session->channel);
}

enum session_io session_takes_data(struct session *session)
{
	return session->is_request_late ? SESSION_WAIT : channel_refresh(session->channel);
}

void session_spliced(struct session *from, struct session *to, size_t n)
{
	channel_gave_data(from->channel);
	channel_took_data(to->channel, n);
}

enum session_io session_splice_failed(struct session *session, int error)
{
	return channel_socket_failed(session->channel, error);
}

/* --- facts --- */

struct session_facts session_facts(const struct session *session)
{
	struct session_facts facts = {
		.version = session->version,
		.suite = session->suite,
		.group = session->group,
		.alpn = session->alpn,
		.is_resumed = session->is_resumed,
	};

	if (session->mbed) {
		const mbedtls_ssl_context *ssl = &session->mbed->ssl;

		facts.version = (uint16_t)mbedtls_ssl_get_version_number(ssl);
		facts.suite = (uint16_t)mbedtls_ssl_get_ciphersuite_id_from_ssl(ssl);
		facts.alpn = mbedtls_ssl_get_alpn_protocol(ssl);
	}
	facts.cipher = names_suite(facts.suite);
	return facts;
}

bool session_is_signed(const struct session *session)
{
	const char *name = names_suite(session->mbed ? mbed_suite(session) : session->suite);

	return !name || strncmp(name, "TLS_RSA_", 8) != 0;
}

uint8_t session_alert(const struct session *session)
{
	return session->channel ? channel_alert(session->channel) : session->alert;
}

const char *session_error(const struct session *session)
{
	return session->channel ? channel_error(session->channel) : session->error;
}
