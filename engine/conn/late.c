/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a late request is survived.
 *
 * The session with the server is worth nothing any more: it wants a signature by a key that only
 * the client has. Now it depends on what the client has seen of it:
 *
 *     nothing yet, and its request may be sent again    a redirect to the same URL, then the end:
 *                                                       its next connection passes
 *     nothing yet                                       the end (close_notify, FIN), as of any
 *                                                       connection that was kept for too long
 *     something                                         a reset: what it has may be half an answer,
 *                                                       and must not look like a whole one; clients
 *                                                       send a request again that was not the first
 *
 * When a redirect leads to the next late request over a new connection, passing has not helped, and
 * the client would go round in circles: no second one. Over a connection that the client had in
 * store (browsers open several beforehand) it is another matter.
 */
#include "conn/late.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "conn/fate.h"
#include "conn/learning.h"
#include "conn/request.h"
#include "conn/worker.h"
#include "tls/upstream.h"

bool late_needs_request(const struct conn *c)
{
	return learning_action(c, LEARN_LATE) == ACTION_PASS && c->chain_verdict == VERIFY_OK &&
	       c->hello->has_sni;
}

/* --- learning --- */

/* NULL: the client's next connection to this server passes. Or why not. */
static const char *learn(struct conn *c, enum learn_class class)
{
	const struct config *config = config_of(c);

	if (learning_action(c, class) != ACTION_PASS)
		return "not to be passed";
	if (c->chain_verdict != VERIFY_OK)
		return "not verified";
	if (config->client_certificate.other_authorities != ACTION_PASS && !learning_is_listed(c))
		return "names none of the listed authorities";
	return learning_note(c, class) ? NULL : "not allowed, or not yet";
}

/* --- what the client is told --- */

static uint64_t hash_addr(const union addr *addr)
{
	size_t n;
	const uint8_t *bytes = addr_bytes(addr, &n);

	return hash_bytes(bytes, n);
}

/* This client does not come from a redirect to this very URL and server. */
static bool is_no_circle(struct conn *c, const struct request *request)
{
	const uint64_t parts[] = { hash_addr(&c->client_addr), hash_addr(&c->server_addr),
				   addr_port(&c->server_addr),
				   hash_bytes(request->authority, request->authority_length),
				   hash_bytes(request->target, request->target_length) };

	return redirects_allow(&c->worker->engine->redirects, hash_bytes(parts, sizeof(parts)),
			       c->started / 1000, c->worker->loop.now);
}

/* The length of the redirect; 0: there can be none. */
static size_t redirect(struct conn *c, char text[REQUEST_REDIRECT_MAX])
{
	struct session_facts facts = session_facts(c->downstream);
	struct request request;
	size_t n;
	const uint8_t *bytes = relay_head(&c->relay[TO_SERVER], &n);

	if (!bytes || (facts.alpn && strcmp(facts.alpn, "http/1.1") != 0) ||
	    !request_read(bytes, n, &request) || !request_is_for(&request, c->hello->host) ||
	    !is_no_circle(c, &request))
		return 0;
	return request_redirect(&request, text);
}

static const char *occasion(const struct conn *c)
{
	if (!upstream_is_late(c->upstream))
		return "refused without a certificate";
	return session_facts(c->upstream).version == 0x0303 ? "renegotiation"
							    : "post-handshake authentication";
}

static void explain(struct conn *c, const char *unlearned, const char *end)
{
	snprintf(c->detail, sizeof(c->detail), "%s, %s%s, %s", occasion(c),
		 unlearned ? "not learned: " : "learned", unlearned ? unlearned : "", end);
}

enum conn_state late_request(struct conn *c)
{
	const char *unlearned = learn(c, LEARN_LATE);
	char text[REQUEST_REDIRECT_MAX];
	size_t n = 0;

	if (c->relay[TO_CLIENT].bytes > 0) {
		explain(c, unlearned, "reset");
		fate_drop_server(c);
		sock_reset(&c->client);
		return conn_end(c, END_LATE_REQUEST);
	}
	if (!unlearned)
		n = redirect(c, text);
	explain(c, unlearned, n > 0 ? "redirected" : "closed");
	return fate_part(c, END_LATE_REQUEST, text, n);
}

enum conn_state late_refusal(struct conn *c)
{
	const char *unlearned = learn(c, LEARN_REQUIRED);
	char text[REQUEST_REDIRECT_MAX];
	size_t n = unlearned ? 0 : redirect(c, text);
	size_t n_held;

	if (n == 0 && relay_held(&c->relay[TO_CLIENT], &n_held)) {
		/* The server's own answer is the next best. */
		explain(c, unlearned, "answered");
		relay_release(&c->relay[TO_CLIENT]);
		worker_ready(c);
		return CONN_RELAYING;
	}
	explain(c, unlearned, n > 0 ? "redirected" : "closed");
	return fate_part(c, END_CERTIFICATE_REQUIRED, text, n);
}

enum conn_state late_part(struct conn *c)
{
	enum session_io io;
	ssize_t n;

	if (relay_move(&c->relay[TO_CLIENT], &c->worker->buffers, NULL, c->downstream, c->client.fd,
		       &io) == RELAY_WAIT)
		return CONN_PARTING;
	/* Unread bytes would turn our close into a reset, which may overtake the answer. */
	do {
		n = sock_recv(&c->client, c->worker->scratch, sizeof(c->worker->scratch));
	} while (n > 0);
	return n == -EAGAIN ? CONN_PARTING : CONN_CLOSED;
}

enum conn_state late_parted(struct conn *c)
{
	(void)c;
	return CONN_CLOSED;
}
