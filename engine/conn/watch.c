/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How it works
 *
 * The bytes stay in the sockets: they are peeked at, copied aside, and splice(2) may move no more
 * of them than were seen. The client's go on at once. The server's first flight waits until it is
 * whole, for it holds the certificate: a learned server is passed for what it proved once, and
 * somebody else may have its address by now. In TLS 1.3 the flight is encrypted, and the watch ends
 * with the ServerHello.
 *
 * Then the client's answer to the request and what the server makes of it are learned. It is over
 * when there is no more to see, and from then on nothing of this costs anything.
 */
#include "conn/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn/learning.h"
#include "conn/outcome.h"
#include "conn/report.h"
#include "conn/worker.h"
#include "tls/sighting.h"

enum { WATCH_MAX = 65536, WATCH_FIRST = 4096 };

struct watched {
	uint8_t *bytes; /* the first that this side sent; owned */
	size_t n, size;
	size_t needs; /* not worth another look with less */
};

struct watch {
	struct watched way[2];
	bool is_judged; /* the server's certificate, or there is none to see */
	bool is_over;
};

static void set_limits(struct conn *c)
{
	const struct watch *watch = c->watch;

	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++) {
		bool is_held = way == TO_CLIENT && !watch->is_judged;

		c->splice[way].is_limited = !watch->is_over;
		c->splice[way].limit = is_held ? 0 : watch->way[way].n;
	}
}

void watch_begin(struct conn *c)
{
	if (!c->hello || hello_version_min(c->hello) > 0x0303)
		return;
	c->watch = calloc(1, sizeof(*c->watch));
	if (c->watch)
		set_limits(c);
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++)
		free(watch->way[way].bytes);
	free(watch);
}

/* --- taking a copy --- */

static bool append(struct watched *watched, const uint8_t *bytes, size_t n)
{
	size_t size = watched->size ? watched->size : WATCH_FIRST;
	uint8_t *more = watched->bytes;

	if (n > WATCH_MAX - watched->n)
		return false;
	while (size < watched->n + n)
		size *= 2;
	if (size != watched->size)
		more = realloc(watched->bytes, size);
	if (!more)
		return false;
	watched->bytes = more;
	watched->size = size;
	memcpy(watched->bytes + watched->n, bytes, n);
	watched->n += n;
	return true;
}

/* Copies what is new. False: nothing more can be seen. */
static bool take(struct conn *c, unsigned way)
{
	struct watched *watched = &c->watch->way[way];
	struct sock *sock = way == TO_SERVER ? &c->client : &c->server;
	size_t moved = (size_t)c->splice[way].bytes + c->splice[way].in_pipe;
	uint8_t *bytes = c->worker->scratch;
	size_t seen = watched->n - moved; /* and still in the socket */
	ssize_t n;

	if (!sock->readable)
		return !sock->ended;
	n = sock_peek(sock, bytes, sizeof(c->worker->scratch));
	if (n == -EAGAIN)
		return true;
	if (n <= 0)
		return false;
	return (size_t)n <= seen || append(watched, bytes + seen, (size_t)n - seen);
}

/* --- judging --- */

/* Whether it is the server that was learned, or one that proves as much. */
static bool is_right_server(struct conn *c, const struct sighting *sighting)
{
	struct der chain[VERIFY_CHAIN_MAX];
	unsigned n = sighting_chain(sighting, chain, VERIFY_CHAIN_MAX);

	if (n == 0)
		return true;
	learning_judge(c, chain, n);
	if (c->chain_verdict == VERIFY_OK)
		return true;
	if (!learning_is_known_key(c))
		return false;
	c->detail[0] = '\0'; /* as it was when it was learned */
	return true;
}

static void learn(struct conn *c, const struct sighting *sighting)
{
	struct learning_sight sight = { .version = sighting->version };

	if (c->hello->has_ech)
		return;
	if (sighting->ask == SIGHTING_NOT_ASKED && c->known_class != LEARN_LATE)
		sight.class = LEARN_NOTHING;
	else if (sighting->answer == SIGHTING_CERTIFICATE)
		sight.class = LEARN_REQUESTED;
	else if (sighting->answer == SIGHTING_EMPTY && sighting->is_accepted)
		sight.class = LEARN_UNUSED;
	else if (sighting->answer == SIGHTING_EMPTY && outcome_is_refusal(sighting->server_alert))
		sight.class = LEARN_REQUIRED;
	else
		return;
	sight.alert = sighting->server_alert;
	if (sight.class == LEARN_NOTHING || learn_class_is_less_exact(c->known_class, sight.class))
		learning_note_sight(c, &sight);
}

/* False: another server than the one that was learned. */
static bool judge(struct conn *c, const struct sighting *sighting)
{
	struct watch *watch = c->watch;

	if (!watch->is_judged &&
	    (sighting->ask != SIGHTING_UNSEEN || sighting->state != SIGHTING_MORE)) {
		if (!is_right_server(c, sighting))
			return false;
		watch->is_judged = true;
		report_answer(c, sighting);
	}
	if (sighting->state == SIGHTING_MORE) {
		watch->way[TO_SERVER].needs = sighting->needs_to_server;
		watch->way[TO_CLIENT].needs = sighting->needs_to_client;
		return true;
	}
	report_answer(c, sighting);
	learn(c, sighting);
	watch->is_over = true;
	return true;
}

static bool look(struct conn *c)
{
	const struct watched *way = c->watch->way;
	struct sighting sighting;
	bool is_right;

	if (sighting_read(way[TO_SERVER].bytes, way[TO_SERVER].n, way[TO_CLIENT].bytes,
			  way[TO_CLIENT].n, &sighting) < 0) {
		c->watch->is_over = true;
		return true;
	}
	is_right = judge(c, &sighting);
	sighting_deinit(&sighting);
	return is_right;
}

bool watch_see(struct conn *c)
{
	struct watched *way = c->watch->way;
	bool is_right = true;

	for (unsigned i = TO_SERVER; i <= TO_CLIENT; i++)
		if (!take(c, i))
			c->watch->is_over = true;
	if (!c->watch->is_over &&
	    (way[TO_SERVER].n >= way[TO_SERVER].needs || way[TO_CLIENT].n >= way[TO_CLIENT].needs))
		is_right = look(c);
	set_limits(c);
	if (c->watch->is_over) {
		watch_free(c->watch);
		c->watch = NULL;
	}
	return is_right;
}
