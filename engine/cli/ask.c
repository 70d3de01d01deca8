/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/names.h"
#include "tls/upstream.h"

struct asker {
	struct tls_thread *thread;
	const struct trust *trust;
};

int asker_new(const struct trust *trust, struct asker **ret_asker)
{
	struct asker *asker = calloc(1, sizeof(*asker));
	int r = asker ? tls_init() : -ENOMEM;

	if (r < 0) {
		free(asker);
		return r;
	}
	asker->trust = trust;
	asker->thread = tls_thread_new();
	if (!asker->thread) {
		asker_free(asker);
		return -EIO;
	}
	*ret_asker = asker;
	return 0;
}

void asker_free(struct asker *asker)
{
	if (!asker)
		return;
	tls_thread_free(asker->thread);
	tls_deinit();
	free(asker);
}

static void set_list(struct hello_list *list, const uint16_t *codes, unsigned n)
{
	memcpy(list->at, codes, n * sizeof(*codes));
	list->n = (uint16_t)n;
}

/* What a browser offers, as far as the engine speaks it, and RSA key exchange for old servers. */
static void offer(const char *host, uint16_t version_min, uint16_t version_max,
		  struct hello *ret_hello)
{
	static const uint16_t suites[] = { 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
					   0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x009e,
					   0x009f, 0x009c, 0x009d, 0x003c, 0x002f, 0x0035 };
	static const uint16_t groups[] = { 29, 23, 24, 25, 256, 257 };
	static const uint16_t signatures[] = { 0x0403, 0x0804, 0x0401, 0x0503, 0x0805,
					       0x0501, 0x0603, 0x0806, 0x0601 };
	static const uint8_t alpn[] = "\x02h2\x08http/1.1";
	struct hello *hello = ret_hello;

	memset(hello, 0, sizeof(*hello));
	hello->legacy_version = 0x0303;
	snprintf(hello->host, sizeof(hello->host), "%s", host);
	hello->has_sni = host[0] != '\0';
	memcpy(hello->suites, suites, sizeof(suites));
	hello->n_suites = sizeof(suites) / sizeof(suites[0]);
	for (uint16_t version = version_max; version >= version_min; version--)
		hello->versions.at[hello->versions.n++] = version;
	set_list(&hello->groups, groups, sizeof(groups) / sizeof(groups[0]));
	set_list(&hello->signature_algorithms, signatures,
		 sizeof(signatures) / sizeof(signatures[0]));
	memcpy(hello->alpn, alpn, sizeof(alpn) - 1);
	hello->alpn_length = sizeof(alpn) - 1;
}

/* Waits for what the socket lacks. 0 or -errno. */
static int await(struct sock *sock, uint64_t deadline)
{
	struct pollfd fd = { .fd = sock->fd,
			     .events = (short)((sock->readable ? 0 : POLLIN) |
					       (sock->writable ? 0 : POLLOUT)) };
	uint64_t now = clock_us() / 1000;
	int n = now < deadline ? poll(&fd, 1, (int)(deadline - now)) : 0;

	if (n < 0 && errno != EINTR)
		return -errno;
	if (n == 0)
		return -ETIMEDOUT;
	if (fd.revents & (POLLIN | POLLHUP | POLLERR))
		sock->readable = true;
	if (fd.revents & (POLLOUT | POLLHUP | POLLERR))
		sock->writable = true;
	return 0;
}

/* 0 or -errno; *ret_sock is to be closed in either case. */
static int dial(const union addr *server, uint64_t deadline, struct sock *ret_sock)
{
	int error = 0, r = 0;
	socklen_t n = sizeof(error);

	*ret_sock = (struct sock){
		.fd = socket(server->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
		.readable = true,
	};
	if (ret_sock->fd < 0)
		return -errno;
	if (connect(ret_sock->fd, &server->sa, addr_len(server)) < 0 && errno != EINPROGRESS)
		return -errno;
	while (r == 0 && !ret_sock->writable)
		r = await(ret_sock, deadline);
	if (r == 0 && getsockopt(ret_sock->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		r = -errno;
	return r < 0 ? r : -error;
}

static void judge(const struct asker *asker, const struct session *session, const char *host,
		  const union addr *server, struct ask *ask)
{
	struct verify_subject subject = { .host = host,
					  .server = server,
					  .must_sign = session_is_signed(session) };
	struct der chain[VERIFY_CHAIN_MAX];
	unsigned n = upstream_chain(session, chain, VERIFY_CHAIN_MAX);

	ask->has_key = n > 0 && certificate_key_digest(chain[0], ask->key_sha256) == 0;
	if (!asker->trust || n == 0)
		return;
	ask->verdict = verify_chain(asker->trust, chain, n, &subject, ask->detail);
	ask->is_judged = true;
}

static void fail(struct ask *ask, const char *what)
{
	ask->result = ASK_FAILED;
	snprintf(ask->detail, sizeof(ask->detail), "%s", what);
}

/* Neither an answer nor a wait. */
static void explain(const struct session *session, enum upstream_result result, struct ask *ask)
{
	const char *alert = names_alert(session_alert(session));
	char text[64];

	switch (result) {
	case UPSTREAM_REFUSED_OFFER:
		snprintf(text, sizeof(text), "the server refuses: %s", alert ? alert : "alert");
		return fail(ask, text);
	case UPSTREAM_LEGACY_TLS:
		return fail(ask, "the server speaks no such version");
	case UPSTREAM_MESSAGE_TOO_LARGE:
		return fail(ask, "the server's message is too large");
	case UPSTREAM_CLOSED:
		return fail(ask, "the server closed the connection");
	case UPSTREAM_RESET:
		return fail(ask, "the server reset the connection");
	case UPSTREAM_WAIT:
	case UPSTREAM_READY:
	case UPSTREAM_WANTS_CERTIFICATE:
	case UPSTREAM_PROVEN:
	case UPSTREAM_CERTIFICATE_UNSUPPORTED:
	case UPSTREAM_TLS_ERROR:
		return fail(ask, session_error(session));
	}
}

static int copy_request(const struct certreq *request, struct certreq *ret_request)
{
	struct certreq copy = *request;

	copy.names = NULL;
	if (request->n_kept > 0) {
		copy.names = malloc(request->n_kept * sizeof(*copy.names));
		if (!copy.names)
			return -ENOMEM;
		memcpy(copy.names, request->names, request->n_kept * sizeof(*copy.names));
	}
	*ret_request = copy;
	return 0;
}

/* Steps until something but UPSTREAM_WAIT comes of it. 0 or -errno. */
static int run(struct session *session, struct sock *sock, uint64_t deadline,
	       enum upstream_result (*step)(struct session *), enum upstream_result *ret_result)
{
	enum upstream_result result;
	int r;

	while ((result = step(session)) == UPSTREAM_WAIT) {
		r = await(sock, deadline);
		if (r < 0)
			return r;
	}
	*ret_result = result;
	return 0;
}

/* 0 or -ENOMEM. */
static int converse(const struct asker *asker, struct session *session, const char *host,
		    struct sock *sock, const union addr *server, uint64_t deadline, struct ask *ask)
{
	enum upstream_result result = UPSTREAM_WAIT;
	int r = run(session, sock, deadline, upstream_handshake, &result);

	ask->version = session_facts(session).version;
	if (r < 0) {
		fail(ask, strerror(-r));
		return 0;
	}
	if (result == UPSTREAM_READY) {
		ask->result = ASK_NOT_ASKED;
	} else if (result == UPSTREAM_WANTS_CERTIFICATE) {
		ask->result = ASK_ASKED;
		if (copy_request(upstream_request(session), &ask->request) < 0)
			return -ENOMEM;
		r = run(session, sock, deadline, upstream_prove, &result);
		if (r < 0 || result != UPSTREAM_PROVEN)
			return 0; /* it asked; who it is stays open */
	} else {
		explain(session, result, ask);
		return 0;
	}
	judge(asker, session, host, server, ask);
	return 0;
}

struct ask *ask_server(const struct asker *asker, const char *host, const union addr *server,
		       uint16_t version_min, uint16_t version_max)
{
	uint64_t deadline = clock_us() / 1000 + ASK_TIMEOUT_MS;
	struct ask *ask = calloc(1, sizeof(*ask));
	struct sock sock = SOCK_NONE;
	struct session *session = NULL;
	struct hello hello;
	int r;

	if (!ask)
		return NULL;
	offer(host, version_min, version_max, &hello);
	r = dial(server, deadline, &sock);
	if (r < 0) {
		fail(ask, strerror(-r));
		sock_close(&sock);
		return ask;
	}
	r = upstream_new(&sock, asker->thread, &hello, &TLS_LIMITS_NONE, &session);
	if (r == 0)
		r = converse(asker, session, host, &sock, server, deadline, ask);
	session_free(session);
	sock_reset(&sock);
	if (r < 0) {
		ask_free(ask);
		return NULL;
	}
	return ask;
}

void ask_free(struct ask *ask)
{
	if (!ask)
		return;
	certreq_deinit(&ask->request);
	free(ask);
}
