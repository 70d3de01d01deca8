/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_LEARN_ENTRY_H
#define POSTERN_LEARN_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * What is known of one server. An entry is evidence, not a name: it is bound to the name that the
 * client asked for, to the server's address and port, and to the key that the server proved.
 */

/*
 * What it does about client certificates. The first four are of servers that ask in the handshake,
 * in the order of how much is known: each but the first is an outcome that somebody saw.
 */
#define LEARN_CLASSES(X)                                                                           \
	X(LEARN_ASKED, "asked")   /* what it does with the answer is not known */                  \
	X(LEARN_UNUSED, "unused") /* it serves those who have none; nobody sent one */             \
	X(LEARN_REQUESTED,                                                                         \
	  "requested")                /* clients send theirs; none was refused for having none */  \
	X(LEARN_REQUIRED, "required") /* it refuses those who have none */                         \
	X(LEARN_LATE, "late")         /* after the handshake: renegotiation, post-handshake */     \
	X(LEARN_NOTHING, "nothing")   /* it asked nothing: spares later probes */

/* Whether it counts, and who said so. */
#define LEARN_STATES(X)                                                                            \
	X(LEARN_ACTIVE, "active")                                                                  \
	X(LEARN_PENDING, "pending")     /* awaits the operator's approval; does not pass */        \
	X(LEARN_APPROVED, "approved")   /* by the operator; never expires */                       \
	X(LEARN_FORBIDDEN, "forbidden") /* by the operator: never passes, whatever is seen */

#define LEARN_SOURCES(X)                                                                           \
	X(LEARN_PROBE, "probe")       /* our own handshake with the server */                      \
	X(LEARN_OBSERVED, "observed") /* inside an intercepted or passed connection */             \
	X(LEARN_PCAP, "pcap")                                                                      \
	X(LEARN_FLEET, "fleet") /* another box */                                                  \
	X(LEARN_OPERATOR, "operator")

#define LEARN_CONSTANT(constant, text) constant,
enum learn_class { LEARN_CLASSES(LEARN_CONSTANT) LEARN_N_CLASSES };
enum learn_state { LEARN_STATES(LEARN_CONSTANT) LEARN_N_STATES };
enum learn_source { LEARN_SOURCES(LEARN_CONSTANT) LEARN_N_SOURCES };
#undef LEARN_CONSTANT

enum { LEARN_HOST_MAX = 256, LEARN_DIGEST = 32, LEARN_ISSUER_MAX = 256 };

struct entry {
	char host[LEARN_HOST_MAX]; /* lower case; "*.example.gov": generalised; "": none was sent */
	union addr server;         /* with port; AF_UNSPEC with a port: any address */
	enum learn_class class;
	enum learn_state state;
	enum learn_source source;
	uint16_t tls_version;             /* 0x0303, 0x0304; 0: not known */
	uint8_t alert;                    /* that told the class; 0: none */
	uint8_t ca_names[LEARN_DIGEST];   /* SHA-256 of the CA names in the request; 0: none */
	uint8_t server_key[LEARN_DIGEST]; /* SHA-256 of its SubjectPublicKeyInfo; 0: none */
	char issuer[LEARN_ISSUER_MAX];    /* of the server's certificate, for people */
	uint64_t first_seen, last_seen;   /* us since 1970 */
	uint64_t expires;                 /* us since 1970; 0: never */
	uint64_t hits;                    /* connections it decided */
	uint32_t decision;                /* how often the operator set the state; 0: never */
};

/* The words above; they never fail for a value of the enum. The readers: false for no such word. */
const char *learn_class_text(enum learn_class class);
const char *learn_state_text(enum learn_state state);
const char *learn_source_text(enum learn_source source);
bool learn_class_read(const char *text, enum learn_class *ret_class);
bool learn_state_read(const char *text, enum learn_state *ret_state);
bool learn_source_read(const char *text, enum learn_source *ret_source);

/* Approved or forbidden: nothing that is seen changes it. */
bool entry_is_operators(const struct entry *entry);
/* In the handshake, whatever the outcome. */
bool learn_class_is_in_handshake(enum learn_class class);
/* The same server, and less is known of the outcome. */
bool learn_class_is_less_exact(enum learn_class class, enum learn_class than);

/* Asked, in whatever way: all but LEARN_NOTHING. */
bool entry_has_asked(const struct entry *entry);
bool entry_has_server_key(const struct entry *entry);
/* "*.example.gov" */
bool entry_is_generalised(const struct entry *entry);

/* All but who saw it. */
bool entry_equal(const struct entry *a, const struct entry *b);

/*
 * Two accounts of the same server become one, the same on every box, in whatever order they come:
 * the evidence is the newer one's (last_seen). The state is that of the later decision of the
 * operator, who knew the earlier one; of two decisions that did not know each other (the same
 * number) the stricter holds: forbidden, approved, pending, active. Without any, the state is the
 * newer evidence's. first_seen is the least, hits the most.
 */
void entry_merge(struct entry *entry, const struct entry *other);
/*
 * Whether the entry holds against `gone`, which says that the operator had it forgotten at
 * gone->last_seen, as decision number gone->decision: what was seen later does, and what an
 * operator set without knowing it.
 */
bool entry_outlives(const struct entry *entry, const struct entry *gone);

/*
 * As text, field by field: export, import, stores. Addresses are numeric, "any" for any; digests
 * are hexadecimal, "" for none; moments are numbers, us since 1970.
 */
#define ENTRY_FIELDS(X)                                                                            \
	X(ENTRY_HOST, "host")                                                                      \
	X(ENTRY_ADDRESS, "address")                                                                \
	X(ENTRY_PORT, "port")                                                                      \
	X(ENTRY_CLASS, "class")                                                                    \
	X(ENTRY_STATE, "state")                                                                    \
	X(ENTRY_SOURCE, "source")                                                                  \
	X(ENTRY_TLS, "tls") /* "TLSv1.2", "TLSv1.3", "" */                                         \
	X(ENTRY_ALERT, "alert")                                                                    \
	X(ENTRY_CA_NAMES, "ca_names")                                                              \
	X(ENTRY_SERVER_KEY, "server_key")                                                          \
	X(ENTRY_ISSUER, "issuer")                                                                  \
	X(ENTRY_FIRST_SEEN, "first_seen")                                                          \
	X(ENTRY_LAST_SEEN, "last_seen")                                                            \
	X(ENTRY_EXPIRES, "expires")                                                                \
	X(ENTRY_HITS, "hits")                                                                      \
	X(ENTRY_DECISION, "decision")

#define ENTRY_CONSTANT(constant, text) constant,
enum entry_field { ENTRY_FIELDS(ENTRY_CONSTANT) ENTRY_N_FIELDS };
#undef ENTRY_CONSTANT

enum { ENTRY_TEXT_MAX = 256 };

const char *entry_field_name(enum entry_field field);
bool entry_field_is_number(enum entry_field field);
/* False: no field has that name. */
bool entry_field_find(const char *name, enum entry_field *ret_field);
/* Returns `text`. */
const char *entry_field_write(const struct entry *entry, enum entry_field field,
			      char text[ENTRY_TEXT_MAX]);
/*
 * Sets one field of an entry that began as all zero, in any order. False: the text is none of the
 * field's, and the entry is as it was. Host names are put into lower case.
 */
bool entry_field_read(struct entry *entry, enum entry_field field, const char *text);

#endif
