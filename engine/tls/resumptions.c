/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/resumptions.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tls/binding.h"

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

struct kept {
	struct resumption *resumption;
	struct judgement *judgement; /* counted */
	uint64_t until;              /* ms */
};

struct place {
	UT_hash_handle hh;
	uint8_t key[RESUMPTIONS_KEY];
	struct kept kept[RESUMPTIONS_OF_PLACE]; /* the newest last */
	unsigned n;
};

struct resumptions {
	struct place *places; /* in the order of use */
};

struct resumptions *resumptions_new(void)
{
	return calloc(1, sizeof(struct resumptions));
}

/* The oldest of the place. */
static void drop(struct place *place)
{
	resumption_free(place->kept[0].resumption);
	judgement_unref(place->kept[0].judgement);
	memmove(place->kept, place->kept + 1, --place->n * sizeof(place->kept[0]));
}

static void forget(struct resumptions *resumptions, struct place *place)
{
	HASH_DEL(resumptions->places, place);
	while (place->n > 0)
		drop(place);
	free(place);
}

void resumptions_free(struct resumptions *resumptions)
{
	if (!resumptions)
		return;
	while (resumptions->places)
		forget(resumptions, resumptions->places);
	free(resumptions);
}

static void add_address(struct binding *binding, const union addr *address)
{
	size_t n;
	const uint8_t *bytes = addr_bytes(address, &n);

	binding_add(binding, bytes, n);
}

bool resumptions_key(const struct resumptions_place *place, uint8_t ret_key[RESUMPTIONS_KEY])
{
	const struct hello *hello = place->hello;
	uint16_t port = addr_port(place->server);
	struct binding binding;

	binding_start(&binding);
	if (place->client)
		add_address(&binding, place->client);
	add_address(&binding, place->server);
	binding_add(&binding, &port, sizeof(port));
	binding_add(&binding, &place->is_http1, sizeof(place->is_http1));
	binding_add(&binding, &place->generation, sizeof(place->generation));
	binding_add(&binding, hello->host, strlen(hello->host));
	binding_add(&binding, &hello->legacy_version, sizeof(hello->legacy_version));
	binding_add_list(&binding, &hello->versions);
	binding_add_list(&binding, &hello->groups);
	binding_add_list(&binding, &hello->signature_algorithms);
	binding_add(&binding, hello->alpn, hello->alpn_length);
	for (unsigned i = 0; i < hello->n_suites; i++)
		if (!hello_is_grease(hello->suites[i]))
			binding_add(&binding, &hello->suites[i], sizeof(hello->suites[i]));
	return binding_finish(&binding, ret_key);
}

/* Makes it the one that was used last. */
static struct place *find(struct resumptions *resumptions, const uint8_t key[RESUMPTIONS_KEY])
{
	struct place *found;

	HASH_FIND(hh, resumptions->places, key, RESUMPTIONS_KEY, found);
	if (!found)
		return NULL;
	HASH_DEL(resumptions->places, found);
	HASH_ADD(hh, resumptions->places, key, RESUMPTIONS_KEY, found);
	if (found->hh.tbl)
		return found;
	while (found->n > 0) /* uthash could not grow */
		drop(found);
	free(found);
	return NULL;
}

static struct place *add(struct resumptions *resumptions, const uint8_t key[RESUMPTIONS_KEY])
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return NULL;
	memcpy(place->key, key, RESUMPTIONS_KEY);
	HASH_ADD(hh, resumptions->places, key, RESUMPTIONS_KEY, place);
	if (!place->hh.tbl) { /* uthash could not grow */
		free(place);
		return NULL;
	}
	if (HASH_COUNT(resumptions->places) > RESUMPTIONS_MAX)
		forget(resumptions, resumptions->places);
	return place;
}

void resumptions_keep(struct resumptions *resumptions, const uint8_t key[RESUMPTIONS_KEY],
		      struct resumption *resumption, struct judgement *judgement, uint64_t now)
{
	uint64_t until = now + resumption_seconds(resumption) * UINT64_C(1000);
	struct place *place = judgement->until > now ? find(resumptions, key) : NULL;

	if (!place && judgement->until > now)
		place = add(resumptions, key);
	if (!place) {
		resumption_free(resumption);
		return;
	}
	if (place->n == RESUMPTIONS_OF_PLACE)
		drop(place);
	judgement->n_refs++;
	place->kept[place->n++] =
		(struct kept){ resumption, judgement,
			       until < judgement->until ? until : judgement->until };
}

struct resumption *resumptions_take(struct resumptions *resumptions,
				    const uint8_t key[RESUMPTIONS_KEY], uint64_t now,
				    struct judgement **ret_judgement)
{
	struct place *place = find(resumptions, key);
	struct kept kept;

	while (place && place->n > 0) {
		kept = place->kept[--place->n];
		if (now < kept.until) {
			*ret_judgement = kept.judgement;
			return kept.resumption;
		}
		resumption_free(kept.resumption);
		judgement_unref(kept.judgement);
	}
	if (place)
		forget(resumptions, place);
	return NULL;
}
