/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/hostset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "policy/array.h"

/*
 * How it works. `.gov`, `gov` and `*.gov` are one name with different reach: the name itself,
 * what is below it, or both. A host a.b.gov is looked up as a.b.gov (entries that reach the name
 * itself), then as b.gov and gov (entries that reach below). Names lie in one block of text,
 * entries in one array; entries of one name are chained, one per value. The table is open
 * addressing with linear probing over slots that keep 32 bits of the hash, so that a probe for a
 * name that is not there reads one cache line. The hash is keyed: who can get names onto a list
 * cannot make them collide.
 */

enum { REACH_SELF = 1, REACH_BELOW = 2 };

struct hostset_entry {
	uint32_t value;
	uint32_t next; /* of the same name: index + 1, 0 at the end */
	uint8_t reach;
};

struct hostset_slot {
	uint32_t hash;
	uint32_t entry; /* index + 1; 0: free */
	size_t name;    /* offset in names */
};

struct hostset_glob {
	uint32_t value;
	size_t name;
};

void hostset_deinit(struct hostset *set)
{
	if (!set)
		return;
	free(set->names);
	free(set->entries);
	free(set->slots);
	free(set->globs);
	*set = (struct hostset){ 0 };
}

/* The slot that holds the name, or the free one where it belongs. */
static struct hostset_slot *slot_of(const struct hostset *set, uint32_t hash, const char *name,
				    size_t n)
{
	uint32_t mask = set->n_slots - 1;

	for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
		struct hostset_slot *slot = &set->slots[i];
		const char *its_name;

		if (slot->entry == 0)
			return slot;
		its_name = set->names + slot->name;
		if (slot->hash == hash && strncmp(its_name, name, n) == 0 && its_name[n] == '\0')
			return slot;
	}
}

/* Keeps a quarter of the slots free. */
static int slots_grow(struct hostset *set)
{
	uint32_t n = set->n_slots > 0 ? 2 * set->n_slots : 16;
	struct hostset_slot *slots;

	if (set->n_slots_used < set->n_slots / 4 * 3)
		return 0;
	if (set->n_slots > UINT32_MAX / 2)
		return -ENOMEM;
	slots = calloc(n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->n_slots; i++) {
		uint32_t at = set->slots[i].hash & (n - 1);

		if (set->slots[i].entry == 0)
			continue;
		while (slots[at].entry != 0)
			at = (at + 1) & (n - 1);
		slots[at] = set->slots[i];
	}
	free(set->slots);
	set->slots = slots;
	set->n_slots = n;
	return 0;
}

static int names_add(struct hostset *set, const char *name, size_t *ret_offset)
{
	size_t size = strlen(name) + 1;

	if (set->names_room - set->names_size < size) {
		size_t room = 2 * set->names_room + PATTERN_NAME_MAX + 1;
		char *names = realloc(set->names, room);

		if (!names)
			return -ENOMEM;
		set->names = names;
		set->names_room = room;
	}
	memcpy(set->names + set->names_size, name, size);
	*ret_offset = set->names_size;
	set->names_size += size;
	return 0;
}

static int glob_add(struct hostset *set, const char *glob, uint32_t value)
{
	struct hostset_glob *globs = array_grow(set->globs, set->n_globs, sizeof(*globs));
	int r;

	if (!globs)
		return -ENOMEM;
	set->globs = globs;
	globs[set->n_globs].value = value;
	r = names_add(set, glob, &globs[set->n_globs].name);
	if (r == 0)
		set->n_globs++;
	return r;
}

static uint8_t reach_of(enum pattern_kind kind)
{
	switch (kind) {
	case PATTERN_TREE:
		return REACH_SELF | REACH_BELOW;
	case PATTERN_BELOW:
		return REACH_BELOW;
	case PATTERN_EXACT:
	case PATTERN_GLOB:
		break;
	}
	return REACH_SELF;
}

int hostset_add(struct hostset *set, const struct pattern *pattern, uint32_t value)
{
	size_t n = strlen(pattern->name);
	uint32_t hash = (uint32_t)hash_bytes(pattern->name, n);
	struct hostset_entry *entries;
	struct hostset_slot *slot;

	if (pattern->kind == PATTERN_GLOB)
		return glob_add(set, pattern->name, value);
	entries = array_grow(set->entries, set->n_entries, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	set->entries = entries;
	if (slots_grow(set) < 0)
		return -ENOMEM;

	slot = slot_of(set, hash, pattern->name, n);
	if (slot->entry != 0 && entries[slot->entry - 1].value == value) {
		entries[slot->entry - 1].reach |= reach_of(pattern->kind);
		return 0;
	}
	if (slot->entry == 0) {
		if (names_add(set, pattern->name, &slot->name) < 0)
			return -ENOMEM;
		slot->hash = hash;
		set->n_slots_used++;
	}
	entries[set->n_entries] = (struct hostset_entry){
		.value = value,
		.next = slot->entry,
		.reach = reach_of(pattern->kind),
	};
	slot->entry = ++set->n_entries;
	return 0;
}

/* Whom a search asks, and the lowest value it found so far. */
struct search {
	bool (*admits)(const void *context, uint32_t value);
	const void *context;
	uint32_t lowest;
};

static void search_offer(struct search *search, uint32_t value)
{
	if (value < search->lowest && search->admits(search->context, value))
		search->lowest = value;
}

static void search_name(const struct hostset *set, const char *name, size_t n, uint8_t reach,
			struct search *search)
{
	uint32_t hash = (uint32_t)hash_bytes(name, n);
	const struct hostset_entry *entry;

	for (uint32_t at = slot_of(set, hash, name, n)->entry; at != 0; at = entry->next) {
		entry = &set->entries[at - 1];
		if (entry->reach & reach)
			search_offer(search, entry->value);
	}
}

uint32_t hostset_lowest(const struct hostset *set, const char *host,
			bool (*admits)(const void *context, uint32_t value), const void *context)
{
	struct search search = { .admits = admits, .context = context, .lowest = HOSTSET_NONE };
	uint8_t reach = REACH_SELF;
	size_t n = strlen(host);

	if (n > 0 && host[n - 1] == '.')
		n--;
	if (n == 0 || n > PATTERN_NAME_MAX)
		return HOSTSET_NONE;

	for (uint32_t i = 0; i < set->n_globs; i++) {
		if (pattern_glob_matches(set->names + set->globs[i].name, host, n))
			search_offer(&search, set->globs[i].value);
	}
	while (set->n_slots > 0) {
		const char *dot = memchr(host, '.', n);

		search_name(set, host, n, reach, &search);
		if (!dot)
			break;
		n -= (size_t)(dot + 1 - host);
		host = dot + 1;
		reach = REACH_BELOW;
	}
	return search.lowest;
}
