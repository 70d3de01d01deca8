/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/familiars.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/names.h"

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

struct familiar {
	unsigned n_refs;
	uint16_t version, suite;
	char *alpn;                  /* NULL: none; owned */
	struct judgement *judgement; /* counted */
};

struct place {
	UT_hash_handle hh;
	uint8_t key[RESUMPTIONS_KEY];
	uint64_t until;            /* ms */
	struct familiar *familiar; /* counted; NULL: barred */
};

struct familiars {
	struct place *places; /* in the order of use */
};

/* --- one --- */

static struct familiar *familiar_new(const struct session_facts *facts, struct judgement *judgement)
{
	struct familiar *familiar = calloc(1, sizeof(*familiar));

	if (!familiar)
		return NULL;
	familiar->n_refs = 1;
	familiar->version = facts->version;
	familiar->suite = facts->suite;
	familiar->judgement = judgement;
	judgement->n_refs++;
	if (facts->alpn && !(familiar->alpn = strdup(facts->alpn))) {
		familiar_unref(familiar);
		return NULL;
	}
	return familiar;
}

void familiar_unref(struct familiar *familiar)
{
	if (!familiar || --familiar->n_refs > 0)
		return;
	judgement_unref(familiar->judgement);
	free(familiar->alpn);
	free(familiar);
}

struct session_facts familiar_facts(const struct familiar *familiar)
{
	return (struct session_facts){ .version = familiar->version,
				       .suite = familiar->suite,
				       .cipher = names_suite(familiar->suite),
				       .alpn = familiar->alpn };
}

struct judgement *familiar_judgement(const struct familiar *familiar)
{
	return familiar->judgement;
}

static bool is_same_text(const char *one, const char *other)
{
	return one && other ? strcmp(one, other) == 0 : one == other;
}

const char *familiar_difference(const struct familiar *familiar, const struct session_facts *facts,
				const struct judgement *judgement)
{
	const struct der *before = &familiar->judgement->der, *now = &judgement->der;

	if (before->n != now->n || memcmp(before->bytes, now->bytes, now->n) != 0)
		return "another certificate";
	if (familiar->version != facts->version)
		return "another version of TLS";
	if (familiar->suite != facts->suite)
		return "another cipher suite";
	return is_same_text(familiar->alpn, facts->alpn) ? NULL : "another protocol (ALPN)";
}

/* --- all --- */

struct familiars *familiars_new(void)
{
	return calloc(1, sizeof(struct familiars));
}

static void forget(struct familiars *familiars, struct place *place)
{
	HASH_DEL(familiars->places, place);
	familiar_unref(place->familiar);
	free(place);
}

void familiars_free(struct familiars *familiars)
{
	if (!familiars)
		return;
	while (familiars->places)
		forget(familiars, familiars->places);
	free(familiars);
}

/* As the one that was used last. False: it is gone, there was no memory. */
static bool add(struct familiars *familiars, struct place *place)
{
	HASH_ADD(hh, familiars->places, key, RESUMPTIONS_KEY, place);
	if (place->hh.tbl)
		return true;
	familiar_unref(place->familiar); /* uthash could not grow */
	free(place);
	return false;
}

static struct place *find(struct familiars *familiars, const uint8_t key[RESUMPTIONS_KEY],
			  uint64_t now)
{
	struct place *place;

	HASH_FIND(hh, familiars->places, key, RESUMPTIONS_KEY, place);
	if (!place)
		return NULL;
	if (now >= place->until) {
		forget(familiars, place);
		return NULL;
	}
	HASH_DEL(familiars->places, place);
	return add(familiars, place) ? place : NULL;
}

static struct place *place_new(struct familiars *familiars, const uint8_t key[RESUMPTIONS_KEY])
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return NULL;
	if (HASH_COUNT(familiars->places) >= FAMILIARS_MAX)
		forget(familiars, familiars->places);
	memcpy(place->key, key, RESUMPTIONS_KEY);
	return add(familiars, place) ? place : NULL;
}

/* Nothing is new about it. */
static bool is_kept(const struct place *place, const struct session_facts *facts,
		    const struct judgement *judgement)
{
	return judgement->until <= place->until &&
	       !familiar_difference(place->familiar, facts, judgement);
}

void familiars_keep(struct familiars *familiars, const uint8_t key[RESUMPTIONS_KEY],
		    const struct session_facts *facts, struct judgement *judgement, uint64_t now)
{
	struct place *place = find(familiars, key, now);
	bool is_barred = place && !place->familiar;
	struct familiar *familiar;

	if (judgement->until <= now || is_barred || (place && is_kept(place, facts, judgement)))
		return;
	familiar = familiar_new(facts, judgement);
	if (familiar && !place)
		place = place_new(familiars, key);
	if (!familiar || !place) {
		familiar_unref(familiar);
		return;
	}
	familiar_unref(place->familiar);
	place->familiar = familiar;
	place->until = judgement->until;
}

void familiars_bar(struct familiars *familiars, const uint8_t key[RESUMPTIONS_KEY], uint64_t now)
{
	struct place *place = find(familiars, key, now);

	if (!place)
		place = place_new(familiars, key);
	if (!place)
		return;
	familiar_unref(place->familiar);
	place->familiar = NULL;
	place->until = now + FAMILIARS_BAR_MS;
}

struct familiar *familiars_find(struct familiars *familiars, const uint8_t key[RESUMPTIONS_KEY],
				uint64_t now)
{
	struct place *place = find(familiars, key, now);

	if (!place || !place->familiar)
		return NULL;
	place->familiar->n_refs++;
	return place->familiar;
}
