/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/learning.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "conn/count.h"
#include "conn/report.h"
#include "conn/worker.h"
#include "policy/asked.h"
#include "policy/authorities.h"
#include "tls/certificate.h"
#include "tls/upstream.h"

#define owner_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static struct learned *learned_of(const struct conn *c)
{
	return c->worker->engine->learned;
}

enum action learning_action(const struct conn *c, enum learn_class class)
{
	switch (class) {
	case LEARN_UNUSED:
		return asked_action(config_of(c), ASKED_UNUSED);
	case LEARN_REQUIRED:
	case LEARN_LATE: /* nobody asks in the midst of a session for what he can do without */
		return asked_action(config_of(c), ASKED_REQUIRED);
	case LEARN_ASKED:
	case LEARN_REQUESTED:
	case LEARN_NOTHING:
	case LEARN_N_CLASSES:
		break;
	}
	return asked_action(config_of(c), ASKED_ANYHOW);
}

enum action learning_action_now(const struct conn *c)
{
	bool is_outcome_known = c->is_known && learn_class_is_in_handshake(c->known_class);

	return learning_action(c, is_outcome_known ? c->known_class : LEARN_ASKED);
}

bool learning_asks_nothing(const struct conn *c)
{
	return c->is_known && c->is_fresh && c->known_class == LEARN_NOTHING;
}

bool learning_is_outcome_wanted(const struct conn *c)
{
	const struct config *config = config_of(c);

	return config->client_certificate.required != ON_OUTCOME_AS_REQUESTED ||
	       config->client_certificate.unused != ON_OUTCOME_AS_REQUESTED;
}

static bool passes(const struct conn *c, const struct entry *entry)
{
	return entry_has_asked(entry) &&
	       (entry->state == LEARN_ACTIVE || entry->state == LEARN_APPROVED) &&
	       learning_action(c, entry->class) == ACTION_PASS;
}

static void remember(struct conn *c, const struct entry *entry)
{
	c->is_known = true;
	c->known_class = entry->class;
	memcpy(c->known_key, entry->server_key, sizeof(c->known_key));
}

/*
 * What is known, if it decides. One that has expired goes on to serve, and the connection that is
 * the first to meet it has the server asked again: by one of the engine's own, which can see any
 * request but a late one; that takes a client, and so its own session.
 */
static bool is_decided(struct conn *c, enum learning_advice *ret_advice)
{
	struct entry entry;
	enum learned_result result = learned_find(learned_of(c), c->hello->host, &c->server_addr,
						  clock_wall_us(), &entry);

	if (result == LEARNED_UNKNOWN)
		return false;
	remember(c, &entry);
	c->is_fresh = result == LEARNED_FRESH;
	c->is_http1 = learn_class_is_in_handshake(entry.class);
	*ret_advice = LEARNING_DIAL;
	if (passes(c, &entry) &&
	    (c->is_fresh || (entry.class != LEARN_LATE && conn_new_own(c) == 0)))
		*ret_advice = LEARNING_PASS;
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

/* Where the owner says that it need not be known whether a certificate is revoked, it is good. */
static enum verify_result verdict_of(const struct conn *c)
{
	enum verify_result verdict = c->judgement ? c->judgement->verdict : VERIFY_INVALID;

	return verdict == VERIFY_REVOCATION_UNKNOWN &&
			       config_of(c)->upstream.revocation_unknown == ACTION_INTERCEPT
		       ? VERIFY_OK
		       : verdict;
}

void learning_judge(struct conn *c, const struct der *chain, unsigned n)
{
	/* Of a passed handshake that is only watched, it is not looked at. */
	struct verify_subject subject = { .host = c->hello->host,
					  .server = &c->server_addr,
					  .must_sign =
						  c->upstream && session_is_signed(c->upstream) };
	struct trust *trust = settings_trust(c->settings);

	judgement_unref(c->judgement);
	c->judgement =
		judge_chain(c->worker->judge, trust, chain, n, &subject, c->worker->loop.now);
	trust_free(trust);
	c->chain_verdict = verdict_of(c);
	snprintf(c->detail, sizeof(c->detail), "%s",
		 c->judgement ? c->judgement->detail : "no memory");
}

static void fill(const struct conn *c, const struct learning_sight *sight,
		 const struct certificate *certificate, struct entry *entry)
{
	const struct config *config = config_of(c);
	bool is_nothing = sight->class == LEARN_NOTHING;
	uint64_t now = clock_wall_us();

	memset(entry, 0, sizeof(*entry));
	snprintf(entry->host, sizeof(entry->host), "%s", c->hello->host);
	snprintf(entry->issuer, sizeof(entry->issuer), "%.*s", (int)sizeof(entry->issuer) - 1,
		 certificate->issuer);
	entry->server = c->server_addr;
	entry->class = sight->class;
	entry->state =
		config->learn.is_to_be_approved && !is_nothing ? LEARN_PENDING : LEARN_ACTIVE;
	entry->source = sight->is_probed ? LEARN_PROBE : LEARN_OBSERVED;
	entry->tls_version = sight->version;
	entry->alert = sight->alert;
	if (sight->request)
		memcpy(entry->ca_names, sight->request->names_sha256, sizeof(entry->ca_names));
	entry->first_seen = entry->last_seen = now;
	entry->expires = now + 1000 * (is_nothing ? config->learn.nothing_ttl : config->learn.ttl);
}

bool learning_note_sight(struct conn *c, const struct learning_sight *sight)
{
	struct entry entry, before;
	enum learned_note note;

	if (!c->judgement || !c->judgement->is_read)
		return false;
	fill(c, sight, &c->judgement->leaf, &entry);
	memcpy(entry.server_key, c->judgement->leaf.key_sha256, sizeof(entry.server_key));
	note = learned_note(learned_of(c), &entry, &c->client_addr,
			    has_wildcard(&c->judgement->leaf, entry.host), &before);
	report_learned(c, note, &entry, &before);
	count_learned(c, note, &entry);
	if (note == LEARNED_LIMITED)
		return false;
	/* What holds is what is there now: the operator may have had the last word. */
	if (learned_look(learned_of(c), entry.host, &c->server_addr, clock_wall_us(), &entry) ==
	    LEARNED_UNKNOWN)
		return !config_of(c)->learn.is_to_be_approved;
	remember(c, &entry);
	return passes(c, &entry);
}

bool learning_note(struct conn *c, enum learn_class class)
{
	struct learning_sight sight = { .class = class,
					.request = upstream_request(c->upstream),
					.version = session_facts(c->upstream).version,
					.is_probed = class != LEARN_LATE };
	bool is_known_late = c->is_known && c->known_class == LEARN_LATE;
	bool may_pass;

	if (class == LEARN_REQUIRED)
		sight.alert = session_alert(c->upstream);
	/* The one spares the store a write for each connection, the other is no news. */
	if (class == LEARN_NOTHING && ((c->is_known && c->is_fresh) || is_known_late))
		may_pass = false;
	else
		may_pass = learning_note_sight(c, &sight);
	engine_note_address(c->worker->engine, config_of(c), &c->server_addr, may_pass);
	return may_pass;
}

bool learning_is_known_key(const struct conn *c)
{
	static const uint8_t none[LEARN_DIGEST];

	return memcmp(c->known_key, none, sizeof(none)) == 0 ||
	       (c->judgement && c->judgement->is_read &&
		memcmp(c->known_key, c->judgement->leaf.key_sha256, LEARN_DIGEST) == 0);
}

void learning_forget(struct conn *c)
{
	struct entry entry;

	if (learned_look(learned_of(c), c->hello->host, &c->server_addr, clock_wall_us(), &entry) !=
		    LEARNED_UNKNOWN &&
	    !entry_is_operators(&entry))
		(void)learned_forget(learned_of(c), entry.host, &entry.server, clock_wall_us());
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
