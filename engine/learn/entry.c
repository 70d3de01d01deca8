/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/entry.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- words --- */

#define WORD(constant, text) [constant] = text,
static const char *const classes[] = { LEARN_CLASSES(WORD) };
static const char *const states[] = { LEARN_STATES(WORD) };
static const char *const sources[] = { LEARN_SOURCES(WORD) };
static const char *const fields[] = { ENTRY_FIELDS(WORD) };
#undef WORD

static int word_find(const char *const *words, int n, const char *text)
{
	for (int i = 0; i < n; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

const char *learn_class_text(enum learn_class class)
{
	return classes[class];
}

const char *learn_state_text(enum learn_state state)
{
	return states[state];
}

const char *learn_source_text(enum learn_source source)
{
	return sources[source];
}

bool learn_class_read(const char *text, enum learn_class *ret_class)
{
	int i = word_find(classes, LEARN_N_CLASSES, text);

	if (i >= 0)
		*ret_class = (enum learn_class)i;
	return i >= 0;
}

bool learn_state_read(const char *text, enum learn_state *ret_state)
{
	int i = word_find(states, LEARN_N_STATES, text);

	if (i >= 0)
		*ret_state = (enum learn_state)i;
	return i >= 0;
}

bool learn_source_read(const char *text, enum learn_source *ret_source)
{
	int i = word_find(sources, LEARN_N_SOURCES, text);

	if (i >= 0)
		*ret_source = (enum learn_source)i;
	return i >= 0;
}

const char *entry_field_name(enum entry_field field)
{
	return fields[field];
}

bool entry_field_find(const char *name, enum entry_field *ret_field)
{
	int i = word_find(fields, ENTRY_N_FIELDS, name);

	if (i >= 0)
		*ret_field = (enum entry_field)i;
	return i >= 0;
}

/* --- questions --- */

bool entry_is_operators(const struct entry *entry)
{
	return entry->state == LEARN_APPROVED || entry->state == LEARN_FORBIDDEN;
}

bool learn_class_is_in_handshake(enum learn_class class)
{
	return class <= LEARN_REQUIRED;
}

bool learn_class_is_less_exact(enum learn_class class, enum learn_class than)
{
	return learn_class_is_in_handshake(than) && class < than;
}

bool entry_has_asked(const struct entry *entry)
{
	return entry->class != LEARN_NOTHING;
}

static bool digest_is_none(const uint8_t digest[LEARN_DIGEST])
{
	static const uint8_t none[LEARN_DIGEST];

	return memcmp(digest, none, LEARN_DIGEST) == 0;
}

bool entry_has_server_key(const struct entry *entry)
{
	return !digest_is_none(entry->server_key);
}

bool entry_is_generalised(const struct entry *entry)
{
	return entry->host[0] == '*';
}

bool entry_equal(const struct entry *a, const struct entry *b)
{
	return strcmp(a->host, b->host) == 0 && addr_equal(&a->server, &b->server) &&
	       a->class == b->class && a->state == b->state && a->tls_version == b->tls_version &&
	       a->alert == b->alert && memcmp(a->ca_names, b->ca_names, LEARN_DIGEST) == 0 &&
	       memcmp(a->server_key, b->server_key, LEARN_DIGEST) == 0 &&
	       strcmp(a->issuer, b->issuer) == 0 && a->first_seen == b->first_seen &&
	       a->last_seen == b->last_seen && a->expires == b->expires && a->hits == b->hits &&
	       a->decision == b->decision;
}

/* --- two accounts --- */

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/*
 * Which evidence is the newer one. Of two from the same moment any will do, but on every box the
 * same; and the one that says who saw it rather than that another box did.
 */
static int compare_evidence(const struct entry *a, const struct entry *b)
{
	int r = compare(a->last_seen, b->last_seen);

	if (r == 0)
		r = (a->source != LEARN_FLEET) - (b->source != LEARN_FLEET);
	if (r == 0)
		r = compare(a->class, b->class);
	return r != 0 ? r : memcmp(a->server_key, b->server_key, LEARN_DIGEST);
}

static bool is_other_state(const struct entry *entry, const struct entry *other, bool is_newer)
{
	if (entry->decision != other->decision)
		return other->decision > entry->decision;
	if (entry_is_operators(entry) || entry_is_operators(other))
		return other->state > entry->state; /* the enum's order is from lax to strict */
	return is_newer;
}

void entry_merge(struct entry *entry, const struct entry *other)
{
	struct entry was = *entry;
	bool is_newer = compare_evidence(other, entry) > 0;
	const struct entry *decider = is_other_state(entry, other, is_newer) ? other : &was;
	const struct entry *older = is_newer ? &was : other;

	if (is_newer)
		*entry = *other;
	entry->state = decider->state;
	entry->decision = decider->decision;
	entry->first_seen = was.first_seen < other->first_seen ? was.first_seen : other->first_seen;
	entry->hits = was.hits > other->hits ? was.hits : other->hits;
	if (entry_is_operators(entry))
		entry->expires = 0;
	else if (entry->expires == 0) /* it was the operator's, and no longer is */
		entry->expires = older->expires;
}

bool entry_outlives(const struct entry *entry, const struct entry *gone)
{
	return entry_is_operators(entry) ? entry->decision >= gone->decision
					 : entry->last_seen > gone->last_seen;
}

/* --- fields: writing --- */

static const char *digest_write(const uint8_t digest[LEARN_DIGEST], char text[ENTRY_TEXT_MAX])
{
	text[0] = '\0';
	if (!digest_is_none(digest))
		for (size_t i = 0; i < LEARN_DIGEST; i++)
			snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return text;
}

static const char *number_write(uint64_t number, char text[ENTRY_TEXT_MAX])
{
	snprintf(text, ENTRY_TEXT_MAX, "%" PRIu64, number);
	return text;
}

static const char *address_write(const union addr *server, char text[ENTRY_TEXT_MAX])
{
	size_t n;

	return addr_bytes(server, &n) ? addr_text(server, text) : strcpy(text, "any");
}

static const char *tls_text(uint16_t version)
{
	switch (version) {
	case 0x0303:
		return "TLSv1.2";
	case 0x0304:
		return "TLSv1.3";
	default:
		return "";
	}
}

bool entry_field_is_number(enum entry_field field)
{
	return field == ENTRY_PORT || field == ENTRY_ALERT || field >= ENTRY_FIRST_SEEN;
}

static uint64_t number_of(const struct entry *entry, enum entry_field field)
{
	if (field == ENTRY_PORT)
		return addr_port(&entry->server);
	if (field == ENTRY_ALERT)
		return entry->alert;
	if (field == ENTRY_FIRST_SEEN)
		return entry->first_seen;
	if (field == ENTRY_LAST_SEEN)
		return entry->last_seen;
	if (field == ENTRY_EXPIRES)
		return entry->expires;
	return field == ENTRY_HITS ? entry->hits : entry->decision;
}

const char *entry_field_write(const struct entry *entry, enum entry_field field,
			      char text[ENTRY_TEXT_MAX])
{
	switch (field) {
	case ENTRY_HOST:
		return strcpy(text, entry->host);
	case ENTRY_ADDRESS:
		return address_write(&entry->server, text);
	case ENTRY_CLASS:
		return strcpy(text, classes[entry->class]);
	case ENTRY_STATE:
		return strcpy(text, states[entry->state]);
	case ENTRY_SOURCE:
		return strcpy(text, sources[entry->source]);
	case ENTRY_TLS:
		return strcpy(text, tls_text(entry->tls_version));
	case ENTRY_CA_NAMES:
		return digest_write(entry->ca_names, text);
	case ENTRY_SERVER_KEY:
		return digest_write(entry->server_key, text);
	case ENTRY_ISSUER:
		return strcpy(text, entry->issuer);
	case ENTRY_PORT:
	case ENTRY_ALERT:
	case ENTRY_FIRST_SEEN:
	case ENTRY_LAST_SEEN:
	case ENTRY_EXPIRES:
	case ENTRY_HITS:
	case ENTRY_DECISION:
	case ENTRY_N_FIELDS:
		break;
	}
	return number_write(number_of(entry, field), text);
}

/* --- fields: reading --- */

/* "", a name, or "*." and a name; without white space and control characters. */
static bool host_read(const char *text, char ret_host[LEARN_HOST_MAX])
{
	const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;

	if (strlen(text) >= LEARN_HOST_MAX || (name != text && *name == '\0'))
		return false;
	for (const char *c = name; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '*')
			return false;
	memset(ret_host, 0, LEARN_HOST_MAX);
	for (size_t i = 0; text[i]; i++)
		ret_host[i] = (char)tolower((unsigned char)text[i]);
	return true;
}

static bool address_read(const char *text, union addr *ret_server)
{
	uint16_t port = addr_port(ret_server);

	if (strcmp(text, "any") != 0)
		return addr_parse(text, port, ret_server);
	memset(ret_server, 0, sizeof(*ret_server));
	addr_set_port(ret_server, port);
	return true;
}

static int nibble(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, tolower((unsigned char)c));

	return c != '\0' && at ? (int)(at - digits) : -1;
}

static bool digest_read(const char *text, uint8_t ret_digest[LEARN_DIGEST])
{
	uint8_t digest[LEARN_DIGEST] = { 0 };
	size_t n = strlen(text);

	if (n != 0 && n != 2 * LEARN_DIGEST)
		return false;
	for (size_t i = 0; i < n; i++) {
		int value = nibble(text[i]);

		if (value < 0)
			return false;
		digest[i / 2] = (uint8_t)(digest[i / 2] << 4 | value);
	}
	memcpy(ret_digest, digest, LEARN_DIGEST);
	return true;
}

static bool tls_read(const char *text, uint16_t *ret_version)
{
	static const uint16_t versions[] = { 0, 0x0303, 0x0304 };

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		if (strcmp(text, tls_text(versions[i])) == 0) {
			*ret_version = versions[i];
			return true;
		}
	}
	return false;
}

static bool issuer_read(const char *text, char ret_issuer[LEARN_ISSUER_MAX])
{
	if (strlen(text) >= LEARN_ISSUER_MAX)
		return false;
	memset(ret_issuer, 0, LEARN_ISSUER_MAX);
	strcpy(ret_issuer, text);
	return true;
}

static bool number_read(const char *text, uint64_t max, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (*text == '\0')
		return false;
	for (; *text; text++) {
		unsigned digit = (unsigned)*text - '0';

		if (digit > 9 || __builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, digit, &number) || number > max)
			return false;
	}
	*ret_number = number;
	return true;
}

static bool numbers_read(struct entry *entry, enum entry_field field, const char *text)
{
	uint64_t *const large = field == ENTRY_FIRST_SEEN  ? &entry->first_seen
				: field == ENTRY_LAST_SEEN ? &entry->last_seen
				: field == ENTRY_EXPIRES   ? &entry->expires
							   : &entry->hits;
	uint64_t number;

	if (field == ENTRY_PORT) {
		if (!number_read(text, UINT16_MAX, &number))
			return false;
		addr_set_port(&entry->server, (uint16_t)number);
	} else if (field == ENTRY_ALERT) {
		if (!number_read(text, UINT8_MAX, &number))
			return false;
		entry->alert = (uint8_t)number;
	} else if (field == ENTRY_DECISION) {
		if (!number_read(text, UINT32_MAX, &number))
			return false;
		entry->decision = (uint32_t)number;
	} else {
		return number_read(text, INT64_MAX, large); /* what a database column holds */
	}
	return true;
}

bool entry_field_read(struct entry *entry, enum entry_field field, const char *text)
{
	switch (field) {
	case ENTRY_HOST:
		return host_read(text, entry->host);
	case ENTRY_ADDRESS:
		return address_read(text, &entry->server);
	case ENTRY_CLASS:
		return learn_class_read(text, &entry->class);
	case ENTRY_STATE:
		return learn_state_read(text, &entry->state);
	case ENTRY_SOURCE:
		return learn_source_read(text, &entry->source);
	case ENTRY_TLS:
		return tls_read(text, &entry->tls_version);
	case ENTRY_CA_NAMES:
		return digest_read(text, entry->ca_names);
	case ENTRY_SERVER_KEY:
		return digest_read(text, entry->server_key);
	case ENTRY_ISSUER:
		return issuer_read(text, entry->issuer);
	case ENTRY_PORT:
	case ENTRY_ALERT:
	case ENTRY_FIRST_SEEN:
	case ENTRY_LAST_SEEN:
	case ENTRY_EXPIRES:
	case ENTRY_HITS:
	case ENTRY_DECISION:
		return numbers_read(entry, field, text);
	case ENTRY_N_FIELDS:
		break;
	}
	return false;
}
