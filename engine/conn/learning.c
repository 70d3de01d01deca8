/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/learning.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "conn/report.h"
#include "conn/worker.h"
#include "policy/authorities.h"
#include "tls/certificate.h"
#include "tls/upstream.h"

#define owner_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static struct learned *learned_of(const struct conn *c)
{
	return c->worker->engine->learned;
}

static bool passes(const struct entry *entry)
{
	return entry_has_asked(entry) &&
	       (entry->state == LEARN_ACTIVE || entry->state == LEARN_APPROVED);
}

/* What is known, if it decides. One that has expired serves all but the one who looks again. */
static bool is_decided(struct conn *c, enum learning_advice *ret_advice)
{
	struct entry entry;
	enum learned_result result = learned_find(learned_of(c), c->hello->host, &c->server_addr,
						  clock_wall_us(), &entry);

	c->is_known_late = result != LEARNED_UNKNOWN && entry.class == LEARN_LATE;
	switch (result) {
	case LEARNED_UNKNOWN:
		return false;
	case LEARNED_STALE:
		*ret_advice = LEARNING_DIAL;
		return true;
	case LEARNED_FRESH:
		break;
	}
	c->is_known = true;
	*ret_advice = passes(&entry) ? LEARNING_PASS : LEARNING_DIAL;
	return true;
}

static enum learning_advice take_turn(struct conn *c, enum learned_turn turn)
{
	c->is_waiting_turn = turn == LEARNED_TURN_WAIT;
	c->is_prober = turn == LEARNED_TURN_PROBE;
	return c->is_waiting_turn ? LEARNING_WAIT : LEARNING_DIAL;
}

enum learning_advice learning_advise(struct conn *c)
{
	enum learning_advice advice;

	if (is_decided(c, &advice))
		return advice;
	c->waiter.wake = learning_wake;
	return take_turn(
		c, learned_probe_begin(learned_of(c), c->hello->host, &c->server_addr, &c->waiter));
}

enum learning_advice learning_wait(struct conn *c)
{
	enum learned_turn turn = learned_waiter_turn(learned_of(c), &c->waiter);
	enum learning_advice advice;

	if (turn != LEARNED_TURN_DONE)
		return take_turn(c, turn);
	c->is_waiting_turn = false;
	/* If the other found out nothing, each asks for itself. */
	return is_decided(c, &advice) ? advice : LEARNING_DIAL;
}

void learning_wake(struct learned_waiter *waiter)
{
	struct conn *c = owner_of(waiter, struct conn, waiter);

	worker_wake_waiting(c->worker);
}

void learning_end(struct conn *c)
{
	if (c->is_prober)
		learned_probe_end(learned_of(c), &c->waiter);
	else if (c->is_waiting_turn)
		learned_waiter_cancel(learned_of(c), &c->waiter);
	c->is_prober = c->is_waiting_turn = false;
}

/* Whether the certificate names "*.parent" of the host. */
static bool has_wildcard(const struct certificate *certificate, const char *host)
{
	const char *parent = strchr(host, '.');

	for (unsigned i = 0; parent && i < certificate->n_sans && i < CERTIFICATE_SANS_MAX; i++) {
		const char *san = certificate->sans[i];

		if (san[0] == '*' && strcasecmp(san + 1, parent) == 0)
			return true;
	}
	return false;
}

static void fill(const struct conn *c, enum learn_class class,
		 const struct certificate *certificate, struct entry *entry)
{
	const struct config *config = config_of(c);
	const struct certreq *request = upstream_request(c->upstream);
	uint64_t now = clock_wall_us();

	memset(entry, 0, sizeof(*entry));
	snprintf(entry->host, sizeof(entry->host), "%s", c->hello->host);
	snprintf(entry->issuer, sizeof(entry->issuer), "%.*s", (int)sizeof(entry->issuer) - 1,
		 certificate->issuer);
	entry->server = c->server_addr;
	entry->class = class;
	entry->state = config->learn.is_to_be_approved && class != LEARN_NOTHING ? LEARN_PENDING
										 : LEARN_ACTIVE;
	entry->source = class == LEARN_LATE ? LEARN_OBSERVED : LEARN_PROBE;
	entry->tls_version = session_facts(c->upstream).version;
	if (request)
		memcpy(entry->ca_names, request->names_sha256, sizeof(entry->ca_names));
	entry->first_seen = entry->last_seen = now;
	entry->expires = now + 1000 * (class == LEARN_NOTHING ? config->learn.nothing_ttl
							      : config->learn.ttl);
}

bool learning_note(struct conn *c, enum learn_class class)
{
	struct certificate certificate;
	struct entry entry, before;
	enum learned_note note;
	struct der leaf;

	engine_note_address(c->worker->engine, config_of(c), &c->server_addr,
			    class != LEARN_NOTHING);
	/* The one spares the store a write for each connection, the other is no news. */
	if (class == LEARN_NOTHING && (c->is_known || c->is_known_late))
		return true;
	if (upstream_chain(c->upstream, &leaf, 1) != 1 || certificate_read(leaf, &certificate) < 0)
		return false;
	fill(c, class, &certificate, &entry);
	if (certificate_key_digest(leaf, entry.server_key) < 0)
		return false;
	note = learned_note(learned_of(c), &entry, &c->client_addr,
			    has_wildcard(&certificate, entry.host), &before);
	report_learned(c, note, &entry, &before);
	if (class == LEARN_NOTHING || note == LEARNED_LIMITED)
		return note != LEARNED_LIMITED;
	/* What holds is what is there now: the operator may have had the last word. */
	return learned_look(learned_of(c), entry.host, &c->server_addr, clock_wall_us(), &entry) ==
			       LEARNED_UNKNOWN
		       ? !config_of(c)->learn.is_to_be_approved
		       : passes(&entry);
}

bool learning_is_listed(const struct conn *c)
{
	const struct authorities *list = config_of(c)->authorities;
	const struct certreq *request = upstream_request(c->upstream);

	for (unsigned i = 0; list && i < request->n_kept; i++) {
		if (authorities_have(list, request->names[i]))
			return true;
	}
	return !list;
}
