/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/roster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define WORD(constant, word, ...) word,

enum { KEPT = ROSTER_PAGE * ROSTER_PAGES };

/* --- the store --- */

static int store_open(const struct config *config, struct learned **ret_learned)
{
	struct learned_options options = LEARNED_DEFAULTS;
	struct learned *learned;

	options.max = config->learn.max_entries;
	options.siblings = 0;
	if (learned_open(&options, config->learn.store, &learned) < 0)
		return -EIO;
	if (!learned_is_stored(learned)) { /* it has said why */
		learned_free(learned);
		return -EIO;
	}
	*ret_learned = learned;
	return 0;
}

/* The newest ones that fit, in order; never more than the last page there can be. */
struct selection {
	const struct roster_query *query;
	struct entry *kept[KEPT];
	unsigned n, room;
	size_t n_all;
	bool has_failed;
};

static bool fits(const struct roster_query *query, const struct entry *entry)
{
	if (query->find[0] && !strstr(entry->host, query->find))
		return false;
	return !query->state[0] || strcmp(query->state, learn_state_text(entry->state)) == 0;
}

static bool is_before(const struct entry *a, const struct entry *b)
{
	if (a->last_seen != b->last_seen)
		return a->last_seen > b->last_seen;
	return strcmp(a->host, b->host) < 0;
}

static bool select_one(void *context, const struct entry *entry)
{
	struct selection *selection = context;
	unsigned at = selection->n;
	struct entry *copy;

	if (!fits(selection->query, entry))
		return true;
	selection->n_all++;
	while (at > 0 && is_before(entry, selection->kept[at - 1]))
		at--;
	if (at == selection->room)
		return true;
	if (selection->n == selection->room)
		copy = selection->kept[--selection->n];
	else
		copy = malloc(sizeof(*copy));
	selection->has_failed = !copy;
	if (!copy)
		return false;
	*copy = *entry;
	for (unsigned i = selection->n; i > at; i--)
		selection->kept[i] = selection->kept[i - 1];
	selection->kept[at] = copy;
	selection->n++;
	return true;
}

static int take_page(struct selection *selection, struct roster *hosts)
{
	unsigned first = selection->query->page * ROSTER_PAGE;
	unsigned n = selection->n > first ? selection->n - first : 0;

	hosts->n_all = selection->n_all;
	hosts->entries = calloc(n > 0 ? n : 1, sizeof(*hosts->entries));
	if (hosts->entries)
		for (hosts->n = 0; hosts->n < n; hosts->n++)
			hosts->entries[hosts->n] = *selection->kept[first + hosts->n];
	for (unsigned i = 0; i < selection->n; i++)
		free(selection->kept[i]);
	return hosts->entries && !selection->has_failed ? 0 : -ENOMEM;
}

int roster_load(const struct config *config, const struct roster_query *query,
		struct roster *ret_hosts)
{
	struct selection *selection;
	struct learned *learned;
	int r;

	*ret_hosts = (struct roster){ .has_store = strcmp(config->learn.store, "none") != 0 };
	if (!ret_hosts->has_store)
		return 0;
	selection = calloc(1, sizeof(*selection));
	if (!selection)
		return -ENOMEM;
	selection->query = query;
	selection->room = (query->page + 1) * ROSTER_PAGE;
	r = store_open(config, &learned);
	if (r == 0) {
		r = learned_each(learned, select_one, selection);
		learned_free(learned);
	}
	if (r == 0)
		r = take_page(selection, ret_hosts);
	free(selection);
	return r;
}

void roster_free(struct roster *hosts)
{
	free(hosts->entries);
	*hosts = (struct roster){ .entries = NULL };
}

/* --- orders --- */

static const char *const verbs[ROSTER_N_VERBS] = {
	[ROSTER_APPROVE] = "approve",
	[ROSTER_FORBID] = "forbid",
	[ROSTER_FORGET] = "forget",
};

/* The word up to the next space, which is skipped. False: there is none, or it is long. */
static bool next_word(const char **text, char word[ENTRY_TEXT_MAX])
{
	size_t n = strcspn(*text, " ");

	if ((*text)[n] != ' ' || n >= ENTRY_TEXT_MAX)
		return false;
	memcpy(word, *text, n);
	word[n] = '\0';
	*text += n + 1;
	return true;
}

bool roster_order_read(const char *text, struct roster_order *ret_order)
{
	struct roster_order order = { .verb = 0 };
	char word[ENTRY_TEXT_MAX];

	if (!next_word(&text, word))
		return false;
	while (order.verb < ROSTER_N_VERBS && strcmp(word, verbs[order.verb]) != 0)
		order.verb++;
	if (order.verb == ROSTER_N_VERBS || !next_word(&text, word) ||
	    !entry_field_read(&order.entry, ENTRY_ADDRESS, word) || !next_word(&text, word) ||
	    !entry_field_read(&order.entry, ENTRY_PORT, word) ||
	    !entry_field_read(&order.entry, ENTRY_HOST, text))
		return false;
	*ret_order = order;
	return true;
}

int roster_order_do(const struct config *config, const struct roster_order *order)
{
	const struct entry *entry = &order->entry;
	uint64_t now = clock_wall_us();
	struct learned *learned;
	unsigned n = 0;
	int r = strcmp(config->learn.store, "none") == 0 ? -ENOENT : store_open(config, &learned);

	if (r < 0)
		return r;
	switch (order->verb) {
	case ROSTER_APPROVE:
		n = learned_set_state(learned, entry->host, &entry->server, LEARN_APPROVED, now);
		break;
	case ROSTER_FORBID:
		n = learned_set_state(learned, entry->host, &entry->server, LEARN_FORBIDDEN, now);
		break;
	case ROSTER_FORGET:
		n = learned_forget(learned, entry->host, &entry->server, now);
		break;
	case ROSTER_N_VERBS:
		break;
	}
	learned_free(learned); /* writes it */
	return n > 0 ? 0 : -ENOENT;
}

/* --- the page --- */

static void write_button(struct text *text, enum roster_verb verb, const struct entry *entry)
{
	char address[ENTRY_TEXT_MAX], port[ENTRY_TEXT_MAX];

	text_add(text, "<button name=\"do\" value=\"%s %s %s ", verbs[verb],
		 entry_field_write(entry, ENTRY_ADDRESS, address),
		 entry_field_write(entry, ENTRY_PORT, port));
	text_html(text, entry->host);
	text_add(text, "\">%s</button> ", verbs[verb]);
}

static void write_digest(struct text *text, const char *name, const struct entry *entry,
			 enum entry_field field)
{
	char digest[ENTRY_TEXT_MAX];

	if (entry_field_write(entry, field, digest)[0])
		text_add(text, "; %s <span title=\"SHA-256 %s\">%.12s…</span>", name, digest,
			 digest);
}

static void write_evidence(struct text *text, const struct entry *entry)
{
	char value[ENTRY_TEXT_MAX];

	text_add(text, "<td class=\"evidence\">%s", learn_source_text(entry->source));
	if (entry_field_write(entry, ENTRY_TLS, value)[0])
		text_add(text, ", %s", value);
	if (entry->alert != 0)
		text_add(text, ", alert %s", entry_field_write(entry, ENTRY_ALERT, value));
	if (entry->issuer[0]) {
		text_put(text, "; issuer ");
		text_html(text, entry->issuer);
	}
	write_digest(text, "server's key", entry, ENTRY_SERVER_KEY);
	write_digest(text, "CA names asked for", entry, ENTRY_CA_NAMES);
}

static void write_entry(struct text *text, const struct entry *entry, bool may_change)
{
	char address[ENTRY_TEXT_MAX];

	text_put(text, "<tr><td class=\"host\"><b>");
	if (entry->host[0])
		text_html(text, entry->host);
	else
		text_put(text, "(no name)");
	text_add(text, "</b>%s port %u<td>%s<td>%s",
		 entry_field_write(entry, ENTRY_ADDRESS, address), addr_port(&entry->server),
		 learn_class_text(entry->class), learn_state_text(entry->state));
	write_evidence(text, entry);
	text_put(text, "<td class=\"when\">");
	text_moment(text, entry->last_seen);
	text_put(text, "<div class=\"evidence\">first ");
	text_moment(text, entry->first_seen);
	text_put(text, "<br>expires ");
	text_moment(text, entry->expires);
	text_add(text, "</div><td class=\"n\">%llu", (unsigned long long)entry->hits);
	if (may_change) {
		text_put(text, "<td class=\"actions\">");
		if (entry->state != LEARN_APPROVED)
			write_button(text, ROSTER_APPROVE, entry);
		if (entry->state != LEARN_FORBIDDEN)
			write_button(text, ROSTER_FORBID, entry);
		write_button(text, ROSTER_FORGET, entry);
	}
	text_put(text, "\n");
}

static void write_find(struct text *text, const struct roster_query *query)
{
	static const char *const states[] = { LEARN_STATES(WORD) };

	text_put(text, "<form class=\"find\" action=\"/hosts\"><label>Part of the name<br>"
		       "<input name=\"find\" value=\"");
	text_html(text, query->find);
	text_put(text, "\"></label><label>State<br><select name=\"state\"><option value=\"\">any");
	for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		text_add(text, "<option%s>%s",
			 strcmp(states[i], query->state) == 0 ? " selected" : "", states[i]);
	text_put(text, "</select></label><button>Find</button></form>\n");
}

static void write_link(struct text *text, const struct roster_query *query, unsigned page,
		       const char *words)
{
	text_put(text, " <a href=\"/hosts?find=");
	text_query(text, query->find);
	text_put(text, "&amp;state=");
	text_query(text, query->state);
	text_add(text, "&amp;page=%u\">%s</a>", page, words);
}

static void write_pages(struct text *text, const struct roster *hosts,
			const struct roster_query *query)
{
	size_t first = (size_t)query->page * ROSTER_PAGE;

	text_put(text, "<p class=\"aside\">");
	if (hosts->n == 0)
		text_put(text, hosts->n_all > 0 ? "No more are shown; a part of the name finds one."
						: "None is known that fits.");
	else
		text_add(text, "%zu to %zu of %zu, the one seen last first.", first + 1,
			 first + hosts->n, hosts->n_all);
	if (query->page > 0)
		write_link(text, query, query->page - 1, "newer");
	if (first + hosts->n < hosts->n_all && query->page + 1 < ROSTER_PAGES)
		write_link(text, query, query->page + 1, "older");
	text_put(text, "</p>\n");
}

void roster_write(struct text *text, const struct roster *hosts, const struct roster_query *query,
		  const char *said, bool may_change)
{
	if (said)
		text_add(text, "<section class=\"said\" role=\"status\">%s</section>\n", said);
	if (!hosts->has_store) {
		text_put(text, "<section>learn.store is none: what is learned is in the engine's "
			       "memory alone, and cannot be shown here.</section>\n");
		return;
	}
	write_find(text, query);
	text_put(text, "<form method=\"post\" action=\"/hosts\"><section>\n");
	if (may_change)
		text_put(text, "<div class=\"token\"><label>Token, which <code>postern web token"
			       "</code> prints<br><input name=\"token\" type=\"password\" required "
			       "autocomplete=\"current-password\"></label></div>\n");
	text_put(text,
		 "<table class=\"hosts\"><thead><tr><th>host<th>class<th>state<th>evidence<th>last "
		 "seen"
		 "<th class=\"n\">hits");
	text_put(text, may_change ? "<th>\n" : "\n");
	text_put(text, "</thead><tbody>\n");
	for (unsigned i = 0; i < hosts->n; i++)
		write_entry(text, &hosts->entries[i], may_change);
	text_put(text, "</tbody></table></section></form>\n");
	write_pages(text, hosts, query);
}
