/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The learned servers in a bundle. It tells of those that asked for certificates, and of what the
 * operator decided; not of what awaits his decision, has expired, or is counted on this box.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/bundle.h"
#include "cli/learned.h"

static int compare(const void *a, const void *b)
{
	const struct entry *one = a, *other = b;
	char text[ENTRY_TEXT_MAX], other_text[ENTRY_TEXT_MAX];
	int r = strcmp(one->host, other->host);

	if (r == 0)
		r = strcmp(entry_field_write(one, ENTRY_ADDRESS, text),
			   entry_field_write(other, ENTRY_ADDRESS, other_text));
	return r != 0 ? r : addr_port(&one->server) - addr_port(&other->server);
}

static void sort(struct bundle_entries *entries)
{
	if (entries->n > 0)
		qsort(entries->entries, entries->n, sizeof(*entries->entries), compare);
}

static const struct entry *find(const struct bundle_entries *entries, const struct entry *like)
{
	return entries->n > 0 ? bsearch(like, entries->entries, entries->n,
					sizeof(*entries->entries), compare)
			      : NULL;
}

/* --- packing --- */

struct packing {
	struct bundle_entries entries;
	size_t room;
	uint64_t now;
	bool has_failed;
};

static bool is_for_others(const struct entry *entry, uint64_t now)
{
	if (entry_is_operators(entry))
		return true;
	return entry->state == LEARN_ACTIVE && entry_has_asked(entry) &&
	       (entry->expires == 0 || entry->expires > now);
}

static bool take(void *context, const struct entry *entry)
{
	struct packing *packing = context;
	struct bundle_entries *entries = &packing->entries;

	if (!is_for_others(entry, packing->now))
		return true;
	if (entries->n == packing->room) {
		size_t room = packing->room ? 2 * packing->room : 256;
		struct entry *grown = realloc(entries->entries, room * sizeof(*grown));

		packing->has_failed = !grown;
		if (!grown)
			return false;
		entries->entries = grown;
		packing->room = room;
	}
	entries->entries[entries->n] = *entry;
	entries->entries[entries->n++].hits = 0;
	return true;
}

static int write_all(struct bundle_entries *entries, char **ret_text, size_t *ret_n)
{
	FILE *file = open_memstream(ret_text, ret_n);
	bool is_written = file != NULL;

	sort(entries);
	for (size_t i = 0; is_written && i < entries->n; i++)
		is_written = learned_cli_write(file, &entries->entries[i]);
	if (file && fclose(file) != 0)
		is_written = false;
	return is_written ? CLI_OK : cli_fail(CLI_FAILURE, "out of memory");
}

int bundle_entries_pack(const struct cli *cli, char **ret_text, size_t *ret_n, size_t *ret_entries)
{
	struct packing packing = { .now = clock_wall_us() };
	struct learned *learned;
	int code = learned_cli_open(cli, &learned);

	if (code != CLI_OK)
		return code;
	if (learned_each(learned, take, &packing) < 0 || packing.has_failed)
		code = cli_fail(CLI_FAILURE, "out of memory");
	learned_free(learned);
	if (code == CLI_OK)
		code = write_all(&packing.entries, ret_text, ret_n);
	*ret_entries = packing.entries.n;
	bundle_entries_deinit(&packing.entries);
	return code;
}

/* --- taking in --- */

int bundle_entries_read(const uint8_t *text, size_t n, const char *name,
			struct bundle_entries *ret_entries)
{
	FILE *file;
	int code;

	*ret_entries = (struct bundle_entries){ 0 };
	if (n == 0)
		return CLI_OK;
	file = fmemopen((void *)(uintptr_t)text, n, "r");
	if (!file)
		return cli_fail(CLI_FAILURE, "out of memory");
	code = learned_cli_read(file, name, &ret_entries->entries, &ret_entries->n);
	fclose(file);
	sort(ret_entries);
	return code;
}

void bundle_entries_deinit(struct bundle_entries *entries)
{
	free(entries->entries);
	*entries = (struct bundle_entries){ 0 };
}

size_t bundle_entries_adopt(struct learned *learned, const struct bundle_entries *entries,
			    const struct bundle_entries *before)
{
	uint64_t now = clock_wall_us();
	size_t n_without_room = 0;

	for (size_t i = 0; i < before->n; i++)
		if (!find(entries, &before->entries[i]))
			learned_disown(learned, &before->entries[i], now);
	for (size_t i = 0; i < entries->n; i++) {
		const struct entry *entry = &entries->entries[i];

		n_without_room += learned_adopt(learned, entry, find(before, entry)) < 0;
	}
	return n_without_room;
}
