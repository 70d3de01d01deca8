/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_RULE_H
#define POSTERN_POLICY_RULE_H

#include <stdbool.h>

#include "base/addr.h"

/*
 * The owner's rules, in order: the first that matches decides, else the default does. Pure: a
 * subject in, a verdict out. The cost of a decision does not grow with the number of host names.
 */

#define ACTIONS(X)                                                                                 \
	X(ACTION_PASS, "pass")                                                                     \
	X(ACTION_INTERCEPT, "intercept")                                                           \
	X(ACTION_BLOCK, "block")

#define ACTION_CONSTANT(constant, text) constant,
enum action { ACTIONS(ACTION_CONSTANT) };
#undef ACTION_CONSTANT

const char *action_text(enum action action);

/* What is known of a connection once its hello was read. */
struct subject {
	union addr client;
	union addr server; /* original destination, with port */
	const char *host;  /* server name, lower case; "" when the client sent none */
};

struct verdict {
	enum action action;
	const char *file; /* of the rule, borrowed from the ruleset; NULL: the default decided */
	unsigned line;
	bool is_captured; /* its plaintext is to be recorded, should it be intercepted */
	bool is_scanned;  /* its bodies are to be judged, likewise */
};

struct ruleset;
struct urlpath;

/*
 * A rule with paths cannot decide yet, but its connection must be opened for it: it wants it
 * intercepted.
 */
struct verdict ruleset_decide(const struct ruleset *rules, const struct subject *subject);

/* Whether any rule has a path: then each request inside is judged by all of them. */
bool ruleset_has_paths(const struct ruleset *rules);
/* Whether one that has is for this connection. */
bool ruleset_has_paths_for(const struct ruleset *rules, const struct subject *subject);
/* The file of the first rule that wants bodies judged; NULL: none does. */
const char *ruleset_first_scan(const struct ruleset *rules, unsigned *ret_line);
/* A request of an intercepted connection; the subject's host is the request's. */
struct verdict ruleset_decide_request(const struct ruleset *rules, const struct subject *subject,
				      const struct urlpath *path);

/* What the rules say of a connection before its hello: nothing of it is known but its ends. */
struct foresight {
	bool is_certain; /* whatever name the hello may hold, `action` will be the verdict's */
	enum action action;
	bool holds_for_all_clients; /* the same for every client of this server */
};

struct foresight ruleset_foresee(const struct ruleset *rules, const union addr *client,
				 const union addr *server);
void ruleset_free(struct ruleset *rules);

/*
 * Making one. A rule is added, then its conditions: values of one kind are alternatives, different
 * kinds must all hold, a kind without a value is no condition. All but ruleset_new() return 0 or
 * -ENOMEM; after a failure only ruleset_free() makes sense.
 */
struct pattern;
struct prefix;

struct ruleset *ruleset_new(void); /* no rules, default intercept; NULL: no memory */
void ruleset_set_default(struct ruleset *rules, enum action action);
/* Whether that is captured of which no rule says it. */
void ruleset_set_default_capture(struct ruleset *rules, bool is_captured);
/* Whether bodies are judged of which no rule says it. */
void ruleset_set_default_scan(struct ruleset *rules, bool is_scanned);

/* The ruleset's own copy of a file's name, which lives as long as it does; NULL: no memory. */
const char *ruleset_file(struct ruleset *rules, const char *path);

/*
 * `file` comes from ruleset_file(). A rule `by_host` matches no host but those added to it: with
 * none it never matches, and a connection without a name never meets it.
 */
int ruleset_add(struct ruleset *rules, enum action action, bool by_host, const char *file,
		unsigned line);
/* To the rule added last. */
int ruleset_add_host(struct ruleset *rules, const struct pattern *pattern);
int ruleset_add_server(struct ruleset *rules, const struct prefix *prefix);
int ruleset_add_client(struct ruleset *rules, const struct prefix *prefix);
int ruleset_add_port(struct ruleset *rules, uint16_t port);
void ruleset_set_capture(struct ruleset *rules, bool is_captured);
void ruleset_set_scan(struct ruleset *rules, bool is_scanned);
/* A pattern that urlpath_pattern_problem() finds nothing wrong with. */
int ruleset_add_path(struct ruleset *rules, const char *pattern);

#endif
