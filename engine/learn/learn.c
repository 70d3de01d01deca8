/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/learn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/quota.h"
#include "learn/flight.h"
#include "learn/generalise.h"
#include "learn/keeper.h"
#include "learn/table.h"

enum { FAMILIES_MAX = 4096 };

struct learned {
	struct table table;
	struct flights flights;
	struct quota quota;
	struct generaliser *generaliser;
	struct keeper *keeper; /* NULL: nothing is stored */
	/* Of the options, those that a reload changes. */
	_Atomic uint64_t ask_again, keep;
	atomic_uint siblings, per_client;
};

/* --- open and close --- */

void learned_set_options(struct learned *learned, const struct learned_options *options)
{
	learned->ask_again = options->ask_again;
	learned->keep = options->keep;
	learned->siblings = options->siblings;
	learned->per_client = options->per_client;
}

static int learned_make(const struct learned_options *options, bool has_store,
			struct learned **ret_learned)
{
	struct learned *learned = calloc(1, sizeof(*learned));

	if (!learned)
		return -ENOMEM;
	learned_set_options(learned, options);
	flights_init(&learned->flights);
	quota_init(&learned->quota, 3600 * 1000000ULL);
	learned->generaliser = generaliser_new(FAMILIES_MAX);
	if (!learned->generaliser || table_init(&learned->table, options->max, has_store) < 0) {
		learned_free(learned);
		return -ENOMEM;
	}
	*ret_learned = learned;
	return 0;
}

int learned_open(const struct learned_options *options, const char *url,
		 struct learned **ret_learned)
{
	struct learned *learned;
	struct store *store;
	int r = store_new(url, options->keep, &store);

	if (r < 0)
		return r;
	r = learned_make(options, store != NULL, &learned);
	if (r < 0) {
		store_free(store);
		return r;
	}
	if (store)
		r = keeper_start(&learned->table, store, options->write_every, &options->listener,
				 &learned->keeper);
	if (r < 0) {
		learned_free(learned);
		return r;
	}
	*ret_learned = learned;
	return 0;
}

bool learned_free(struct learned *learned)
{
	bool is_stored;

	if (!learned)
		return true;
	is_stored = keeper_stop(learned->keeper);
	table_deinit(&learned->table);
	generaliser_free(learned->generaliser);
	quota_deinit(&learned->quota);
	flights_deinit(&learned->flights);
	free(learned);
	return is_stored;
}

bool learned_is_stored(struct learned *learned)
{
	return learned->keeper && keeper_is_stored(learned->keeper);
}

size_t learned_count(struct learned *learned)
{
	return table_count(&learned->table);
}

void learned_take_census(struct learned *learned, struct learned_census *ret_census)
{
	table_take_census(&learned->table, ret_census);
}

int learned_each(struct learned *learned, bool (*each)(void *context, const struct entry *entry),
		 void *context)
{
	return table_each(&learned->table, each, context);
}

/* --- finding --- */

enum { CANDIDATES = 4 };

/* The keys under which a server may be known, the closest first: of kinds that there are any of. */
static unsigned candidates(const struct learned *learned, const char *host,
			   const union addr *server, struct key keys[CANDIDATES])
{
	bool has_any = learned->table.n_any > 0, has_general = learned->table.n_general > 0;
	union addr any = key_any(server);
	char general[LEARN_HOST_MAX];
	unsigned n = 0;

	key_make(&keys[n++], host, server);
	if (has_any)
		key_make(&keys[n++], host, &any);
	if (!has_general || !key_generalise(host, general))
		return n;
	key_make(&keys[n++], general, server);
	if (has_any)
		key_make(&keys[n++], general, &any);
	return n;
}

/* The one that decides: the operator's closest, else the closest. NULL: none. */
static const struct key *choose(struct learned *learned, const struct key *keys, unsigned n,
				uint64_t now)
{
	const struct key *chosen = NULL;

	for (unsigned i = 0; i < n; i++) {
		switch (table_has(&learned->table, &keys[i], now, learned->keep)) {
		case TABLE_HAS_NONE:
			break;
		case TABLE_HAS_ONE:
			if (!chosen)
				chosen = &keys[i];
			break;
		case TABLE_HAS_OPERATORS:
			return &keys[i];
		}
	}
	return chosen;
}

static enum learned_result find(struct learned *learned, const char *host, const union addr *server,
				const struct table_use *use, struct entry *ret_entry)
{
	struct key keys[CANDIDATES];
	unsigned n = candidates(learned, host, server, keys);
	const struct key *key = choose(learned, keys, n, use->now);

	if (!key)
		return LEARNED_UNKNOWN;
	switch (table_find(&learned->table, key, use, ret_entry)) {
	case TABLE_NONE: /* it went that moment */
		break;
	case TABLE_FRESH:
		return LEARNED_FRESH;
	case TABLE_STALE:
		return LEARNED_STALE;
	}
	return LEARNED_UNKNOWN;
}

enum learned_result learned_find(struct learned *learned, const char *host,
				 const union addr *server, uint64_t now, struct entry *ret_entry)
{
	struct table_use use = { .now = now, .ask_again = learned->ask_again, .is_hit = true };

	return find(learned, host, server, &use, ret_entry);
}

enum learned_result learned_look(struct learned *learned, const char *host,
				 const union addr *server, uint64_t now, struct entry *ret_entry)
{
	struct table_use use = { .now = now };

	return find(learned, host, server, &use, ret_entry);
}

/* --- learning --- */

struct note {
	struct learned *learned;
	const struct entry *seen;
	const union addr *client;
	enum learned_note result;
	struct entry before, after;
};

static enum learned_note compare_note(const struct entry *entry, const struct entry *seen)
{
	if (entry_has_server_key(entry) && entry_has_server_key(seen) &&
	    memcmp(entry->server_key, seen->server_key, LEARN_DIGEST) != 0)
		return LEARNED_KEY_CHANGED;
	if (entry->class == seen->class || entry->source == LEARN_OPERATOR ||
	    (learn_class_is_in_handshake(entry->class) && learn_class_is_in_handshake(seen->class)))
		return LEARNED_REFRESHED;
	return LEARNED_CLASS_CHANGED;
}

/* The operator's own entry brings a decision. */
static void take_decision(struct entry *entry, const struct entry *seen)
{
	if (seen->source == LEARN_OPERATOR) {
		entry->state = seen->state;
		entry->decision++;
	} else if (!entry_is_operators(entry)) {
		entry->state = seen->state;
	}
	if (entry_is_operators(entry))
		entry->expires = 0;
}

/* What was seen, into what is known. */
static void take_evidence(struct entry *entry, const struct entry *seen, bool is_new_key)
{
	struct entry was = *entry;

	*entry = *seen;
	entry->state = was.state;
	entry->decision = was.decision;
	entry->hits = was.hits > seen->hits ? was.hits : seen->hits;
	if (was.first_seen < seen->first_seen)
		entry->first_seen = was.first_seen;
	if (is_new_key)
		return;
	/* An outcome holds as long as the entry, and is found out again after that. */
	if (learn_class_is_less_exact(seen->class, was.class) &&
	    (was.expires == 0 || seen->last_seen < was.expires)) {
		entry->class = was.class;
		entry->alert = was.alert;
	}
	if (!entry_has_server_key(seen))
		memcpy(entry->server_key, was.server_key, LEARN_DIGEST);
	if (seen->issuer[0] == '\0')
		memcpy(entry->issuer, was.issuer, LEARN_ISSUER_MAX);
}

static enum table_verdict note_new(struct note *note, struct entry *entry)
{
	struct learned *learned = note->learned;
	uint32_t decision = entry->decision; /* of what had it forgotten */

	if (note->client && learned->per_client > 0 && entry_has_asked(note->seen) &&
	    !quota_take(&learned->quota, note->client, learned->per_client,
			note->seen->last_seen)) {
		note->result = LEARNED_LIMITED;
		return TABLE_KEEP;
	}
	*entry = *note->seen;
	if (entry->decision < decision)
		entry->decision = decision;
	take_decision(entry, note->seen);
	note->result = LEARNED_ADDED;
	return TABLE_PUT;
}

static enum table_verdict note_edit(void *context, struct entry *entry, enum table_was was)
{
	struct note *note = context;
	enum table_verdict verdict = TABLE_PUT;

	if (was != TABLE_WAS_THERE) {
		verdict = note_new(note, entry);
	} else if (note->seen->last_seen < entry->last_seen &&
		   note->seen->source != LEARN_OPERATOR) {
		note->result = LEARNED_REFRESHED; /* an old capture: newer things are known */
		if (note->seen->first_seen < entry->first_seen)
			entry->first_seen = note->seen->first_seen;
	} else {
		note->before = *entry;
		note->result = compare_note(entry, note->seen);
		take_evidence(entry, note->seen, note->result == LEARNED_KEY_CHANGED);
		take_decision(entry, note->seen);
	}
	note->after = *entry;
	return verdict;
}

/* The entry of all siblings, when it says what was seen of this one. */
static enum table_verdict cover_edit(void *context, struct entry *entry, enum table_was was)
{
	struct note *note = context;
	const struct entry *seen = note->seen;

	if (was != TABLE_WAS_THERE || !learn_class_is_in_handshake(entry->class) ||
	    memcmp(entry->server_key, seen->server_key, LEARN_DIGEST) != 0)
		return TABLE_KEEP;
	note->result = LEARNED_COVERED;
	if (seen->last_seen < entry->last_seen)
		return TABLE_KEEP;
	entry->last_seen = seen->last_seen;
	if (!entry_is_operators(entry))
		entry->expires = seen->expires;
	if (!learn_class_is_less_exact(seen->class, entry->class)) {
		entry->class = seen->class;
		entry->alert = seen->alert;
	}
	return TABLE_PUT;
}

static bool can_generalise(const struct entry *seen)
{
	return seen->state == LEARN_ACTIVE && learn_class_is_in_handshake(seen->class) &&
	       seen->source != LEARN_OPERATOR && entry_has_server_key(seen);
}

/* Whether it needs no entry of its own. One that it has is kept and refreshed. */
static bool is_covered(struct note *note, const struct key *own)
{
	struct table *table = &note->learned->table;
	char general[LEARN_HOST_MAX];
	struct key key;

	if (table_has(table, own, 0, 0) != TABLE_HAS_NONE ||
	    !key_generalise(note->seen->host, general))
		return false;
	key_make(&key, general, &note->seen->server);
	return table_edit(table, &key, cover_edit, note) == 0 && note->result == LEARNED_COVERED;
}

/* Enough siblings were seen: an entry for all. */
static void generalise(struct note *note)
{
	struct entry general = note->after;
	struct note other = { .learned = note->learned, .seen = &general };
	struct key key;

	if (!key_generalise(note->after.host, general.host))
		return;
	general.first_seen = general.last_seen;
	general.hits = 0;
	key_make(&key, general.host, &general.server);
	if (table_edit(&note->learned->table, &key, note_edit, &other) < 0)
		return;
	if (other.result == LEARNED_ADDED || other.result == LEARNED_KEY_CHANGED)
		note->result = LEARNED_GENERALISED;
}

enum learned_note learned_note(struct learned *learned, const struct entry *entry,
			       const union addr *client, bool has_wildcard,
			       struct entry *ret_before)
{
	struct note note = { .learned = learned, .seen = entry, .client = client };
	struct key key;

	key_make(&key, entry->host, &entry->server);
	has_wildcard = has_wildcard && can_generalise(entry);
	note.result = LEARNED_FULL;
	if (has_wildcard && is_covered(&note, &key))
		return LEARNED_COVERED;
	if (table_edit(&learned->table, &key, note_edit, &note) < 0)
		return LEARNED_FULL;
	switch (note.result) {
	case LEARNED_CLASS_CHANGED:
	case LEARNED_KEY_CHANGED:
		if (ret_before)
			*ret_before = note.before;
		break;
	case LEARNED_ADDED:
	case LEARNED_REFRESHED:
		if (has_wildcard && note.after.state == LEARN_ACTIVE &&
		    generaliser_note(learned->generaliser, &note.after, learned->siblings))
			generalise(&note);
		break;
	case LEARNED_COVERED:
	case LEARNED_GENERALISED:
	case LEARNED_LIMITED:
	case LEARNED_FULL:
		break;
	}
	return note.result;
}

/* --- the operator --- */

unsigned learned_forbids(const struct learned *learned)
{
	return atomic_load(&learned->table.n_forbids);
}

struct order {
	uint64_t now;
	bool is_forget;
	enum learn_state state;
	bool is_met;
};

static enum table_verdict order_edit(void *context, struct entry *entry, enum table_was was)
{
	struct order *order = context;

	if (was != TABLE_WAS_THERE)
		return TABLE_KEEP;
	order->is_met = true;
	entry->decision++;
	if (order->is_forget) {
		entry->last_seen = order->now;
		return TABLE_FORGET;
	}
	if (entry_is_operators(entry))
		entry->expires = order->now; /* to be probed again, if it is the engine's now */
	entry->state = order->state;
	if (entry_is_operators(entry))
		entry->expires = 0;
	return TABLE_PUT;
}

static unsigned carry_out(struct learned *learned, const char *host, const union addr *server,
			  struct order *order)
{
	struct key key;

	order->is_met = false;
	key_make(&key, host, server);
	(void)table_edit(&learned->table, &key, order_edit, order);
	return order->is_met;
}

static unsigned carry_out_all(struct learned *learned, const char *host, const union addr *server,
			      struct order *order)
{
	union addr *servers;
	unsigned n_met = 0;
	size_t n;

	if (server)
		return carry_out(learned, host, server, order);
	if (table_servers(&learned->table, host, &servers, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		n_met += carry_out(learned, host, &servers[i], order);
	free(servers);
	return n_met;
}

unsigned learned_forget(struct learned *learned, const char *host, const union addr *server,
			uint64_t now)
{
	struct order order = { .now = now, .is_forget = true };

	return carry_out_all(learned, host, server, &order);
}

unsigned learned_set_state(struct learned *learned, const char *host, const union addr *server,
			   enum learn_state state, uint64_t now)
{
	struct order order = { .now = now, .state = state };

	return carry_out_all(learned, host, server, &order);
}

static enum table_verdict import_edit(void *context, struct entry *entry, enum table_was was)
{
	const struct entry *other = context;

	if (was == TABLE_WAS_THERE)
		entry_merge(entry, other);
	else if (was != TABLE_WAS_GONE || entry_outlives(other, entry))
		*entry = *other;
	else
		return TABLE_KEEP;
	return TABLE_PUT;
}

int learned_import(struct learned *learned, const struct entry *entry)
{
	struct entry own = *entry;
	struct key key;

	key_make(&key, own.host, &own.server);
	return table_edit(&learned->table, &key, import_edit, &own);
}

struct adoption {
	const struct entry *told, *before;
	uint64_t now;
};

/* Whether the state that is in force here came by the bundle before. */
static bool is_fleets(const struct entry *entry, const struct entry *before)
{
	return before && entry_is_operators(before) && before->state == entry->state;
}

static void adopt_known(struct entry *entry, const struct adoption *adoption)
{
	const struct entry was = *entry, *told = adoption->told;
	bool is_own = entry_is_operators(entry) && !is_fleets(entry, adoption->before);

	entry_merge(entry, told);
	if (is_own) {
		entry->state = was.state;
		entry->decision = was.decision;
	} else if (entry_is_operators(&was) || entry_is_operators(told)) {
		entry->state = told->state;
		if (entry->state != was.state && entry->decision <= was.decision)
			entry->decision = was.decision + 1; /* it knows the one before */
	}
	entry->expires = entry_is_operators(entry) ? 0
			 : entry->expires == 0     ? told->expires
						   : entry->expires;
}

static enum table_verdict adopt_edit(void *context, struct entry *entry, enum table_was was)
{
	const struct adoption *adoption = context;
	const struct entry *told = adoption->told;
	uint32_t decision = entry->decision;

	if (was == TABLE_WAS_THERE) {
		adopt_known(entry, adoption);
		return TABLE_PUT;
	}
	if (was == TABLE_WAS_GONE && told->last_seen <= entry->last_seen &&
	    (adoption->before || !entry_is_operators(told)))
		return TABLE_KEEP;
	*entry = *told;
	if (entry->decision < decision)
		entry->decision = decision;
	return TABLE_PUT;
}

int learned_adopt(struct learned *learned, const struct entry *entry, const struct entry *before)
{
	struct entry told = *entry;
	struct adoption adoption = { .told = &told, .before = before };
	struct key key;

	if (told.source != LEARN_OPERATOR)
		told.source = LEARN_FLEET;
	key_make(&key, told.host, &told.server);
	return table_edit(&learned->table, &key, adopt_edit, &adoption);
}

static enum table_verdict disown_edit(void *context, struct entry *entry, enum table_was was)
{
	const struct adoption *adoption = context;

	if (was != TABLE_WAS_THERE || !is_fleets(entry, adoption->before))
		return TABLE_KEEP;
	entry->decision++;
	entry->last_seen = adoption->now;
	return TABLE_FORGET;
}

void learned_disown(struct learned *learned, const struct entry *before, uint64_t now)
{
	struct adoption adoption = { .before = before, .now = now };
	struct key key;

	key_make(&key, before->host, &before->server);
	(void)table_edit(&learned->table, &key, disown_edit, &adoption);
}

/* --- one probe for all who wait --- */

enum learned_turn learned_probe_begin(struct learned *learned, const char *host,
				      const union addr *server, struct learned_waiter *waiter)
{
	struct key key;

	key_make(&key, host, server);
	return flights_begin(&learned->flights, &key, waiter);
}

enum learned_turn learned_waiter_turn(struct learned *learned, struct learned_waiter *waiter)
{
	return flights_turn(&learned->flights, waiter);
}

void learned_probe_end(struct learned *learned, struct learned_waiter *waiter)
{
	flights_end(&learned->flights, waiter);
}

void learned_waiter_cancel(struct learned *learned, struct learned_waiter *waiter)
{
	flights_cancel(&learned->flights, waiter);
}
