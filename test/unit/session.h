/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_SESSION_H
#define POSTERN_TEST_SESSION_H

/* One session after the other, each with OpenSSL at its other end. */
#include "test/unit/handshake.h"
#include "tls/downstream.h"
#include "tls/upstream.h"

static struct tls_thread *thread;
static struct handshake h;
static struct session *session;

static inline void begin_sessions(void)
{
	assert_int_equal(tls_init(), 0);
	thread = tls_thread_new();
	assert_non_null(thread);
	h = (struct handshake){ .sock = SOCK_NONE, .peer_fd = -1 };
}

static inline void end_session(void)
{
	session_free(session);
	session = NULL;
	handshake_deinit(&h);
}

static inline void end_sessions(void)
{
	tls_thread_free(thread);
	tls_deinit();
}

/* A server is to ask for a certificate of one of `n` CAs. */
static inline void name_authorities(unsigned n)
{
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();

	for (unsigned i = 0; i < n; i++) {
		X509_NAME *name = X509_NAME_new();
		char text[64];

		snprintf(text, sizeof(text), "Client CA %u%042u", i, 0);
		chain_name(name, text);
		sk_X509_NAME_push(names, name);
	}
	SSL_CTX_set_client_CA_list(h.context, names);
}

/* Both ends take turns, until ours has more to say than to wait. */
static inline enum upstream_result shake_with_server(void)
{
	for (unsigned i = 0; i < HANDSHAKE_ROUNDS; i++) {
		enum upstream_result result = upstream_handshake(session);

		if (result != UPSTREAM_WAIT)
			return result;
		handshake_turn(&h);
	}
	return UPSTREAM_WAIT;
}

static inline enum downstream_result shake_with_client(void)
{
	for (unsigned i = 0; i < HANDSHAKE_ROUNDS; i++) {
		enum downstream_result result = downstream_handshake(session);

		if (result != DOWNSTREAM_WAIT)
			return result;
		handshake_turn(&h);
	}
	return DOWNSTREAM_WAIT;
}

/* The peer may still have our last flight to read; whether its handshake is over, too. */
static inline bool finish_peer(void)
{
	assert_int_equal(session_flush(session, SESSION_FLUSH_WRITTEN), SESSION_OK);
	for (unsigned i = 0; i < 1000 && !SSL_is_init_finished(h.peer); i++)
		handshake_turn(&h);
	return SSL_is_init_finished(h.peer);
}

#endif
