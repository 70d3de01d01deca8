/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_LEARNED_H
#define POSTERN_TEST_LEARNED_H

/* One table of learned servers, what is put into it and how it is asked, at one moment. */
#include <stdio.h>
#include <string.h>

#include "learn/learn.h"
#include "test/unit/cmocka_all.h"

static const uint64_t second = 1000000, hour = 3600 * 1000000ULL;
static const uint64_t now = 1700000000 * 1000000ULL;

static struct learned *learned;

static inline union addr address(const char *text, uint16_t port)
{
	union addr addr;

	assert_true(addr_parse(text, port, &addr));
	return addr;
}

/* What a probe finds, one hour of life. NULL: any address. */
static inline struct entry seen(const char *host, const char *server, enum learn_class class)
{
	struct entry entry = { .class = class,
			       .first_seen = now,
			       .last_seen = now,
			       .expires = now + hour,
			       .server_key = { 1 } };

	snprintf(entry.host, sizeof(entry.host), "%s", host);
	if (server)
		entry.server = address(server, 443);
	else
		addr_set_port(&entry.server, 443);
	return entry;
}

static inline enum learned_note note(const struct entry *entry)
{
	return learned_note(learned, entry, NULL, false, NULL);
}

static inline enum learned_note order(const char *host, const char *server, enum learn_state state)
{
	struct entry entry = seen(host, server, LEARN_ASKED);

	entry.source = LEARN_OPERATOR;
	entry.state = state;
	return note(&entry);
}

static inline enum learned_result find_at(const char *host, const char *server, uint64_t when,
					  struct entry *ret_entry)
{
	union addr addr = address(server, 443);

	return learned_find(learned, host, &addr, when, ret_entry);
}

static inline bool is_known(const char *host, const char *server)
{
	struct entry entry;

	return find_at(host, server, now, &entry) != LEARNED_UNKNOWN;
}

#endif
