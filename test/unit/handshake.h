/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_HANDSHAKE_H
#define POSTERN_TEST_HANDSHAKE_H

/*
 * OpenSSL at the other end of a TCP connection inside this process. The two ends take turns: nobody
 * waits, a round in which nothing happens is a short sleep.
 */
#include <openssl/ssl.h>
#include <stdio.h>

#include "test/unit/chain.h"
#include "test/unit/socks.h"
#include "tls/downstream.h"
#include "tls/hello.h"

enum { HANDSHAKE_ROUNDS = 5000 };

struct handshake {
	struct sock sock; /* the engine's end */
	SSL_CTX *context;
	SSL *peer; /* OpenSSL's end; NULL once closed */
	int peer_fd;
};

static inline void handshake_init(struct handshake *h, const SSL_METHOD *method, int version)
{
	int fds[2];

	socks_tcp_pair(fds);
	h->sock = (struct sock){ .fd = fds[0] };
	h->peer_fd = fds[1];
	h->context = SSL_CTX_new(method);
	assert_non_null(h->context);
	SSL_CTX_set_security_level(h->context, 0);
	SSL_CTX_set_min_proto_version(h->context, version);
	SSL_CTX_set_max_proto_version(h->context, version);
	SSL_CTX_set_mode(h->context, SSL_MODE_ENABLE_PARTIAL_WRITE);
}

/* After the context was told everything. */
static inline void handshake_start(struct handshake *h)
{
	h->peer = SSL_new(h->context);
	assert_non_null(h->peer);
	assert_int_equal(SSL_set_fd(h->peer, h->peer_fd), 1);
	if (SSL_is_server(h->peer))
		SSL_set_accept_state(h->peer);
	else
		SSL_set_connect_state(h->peer);
}

static inline void handshake_deinit(struct handshake *h)
{
	SSL_free(h->peer);
	SSL_CTX_free(h->context);
	if (h->peer_fd >= 0)
		close(h->peer_fd);
	sock_close(&h->sock);
	*h = (struct handshake){ .sock = SOCK_NONE, .peer_fd = -1 };
}

/* OpenSSL's end goes, by FIN or by reset. */
static inline void handshake_drop(struct handshake *h, bool by_reset)
{
	struct sock sock = { .fd = h->peer_fd };

	SSL_free(h->peer);
	h->peer = NULL;
	h->peer_fd = -1;
	if (by_reset)
		sock_reset(&sock);
	else
		sock_close(&sock);
}

/* One turn of OpenSSL's end of the handshake. */
static inline void handshake_turn(struct handshake *h)
{
	if (h->peer && !SSL_is_init_finished(h->peer))
		(void)SSL_do_handshake(h->peer);
	if (!socks_raise(&h->sock))
		usleep(200);
}

static inline struct hello handshake_hello(const char *name)
{
	static uint8_t bytes[HELLO_MAX];
	struct hello hello;
	char path[512];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), POSTERN_TEST_DATA "/hello/%s.bin", name);
	file = fopen(path, "rb");
	assert_non_null(file);
	n = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	assert_int_equal(hello_parse(bytes, n, &hello), HELLO_WHOLE);
	return hello;
}

/* A client's hello is peeked and taken off, as the engine does it; the length of its message. */
static inline size_t handshake_take_hello(struct sock *sock, uint8_t bytes[HELLO_MAX],
					  uint8_t message[DOWNSTREAM_HELLO_MAX],
					  struct hello *ret_hello)
{
	ssize_t n;

	socks_await(sock->fd);
	socks_raise(sock);
	n = sock_peek(sock, bytes, HELLO_MAX);
	assert_true(n > 0);
	assert_int_equal(hello_parse(bytes, (size_t)n, ret_hello), HELLO_WHOLE);
	assert_int_equal(sock_recv(sock, bytes, ret_hello->wire_length), ret_hello->wire_length);
	return hello_message(bytes, ret_hello->wire_length, message, DOWNSTREAM_HELLO_MAX);
}

#endif
