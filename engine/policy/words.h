/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_WORDS_H
#define POSTERN_POLICY_WORDS_H

/* The words that some keys of the configuration take; postern.conf(5) says what they mean. */

#define SOURCES(X)                                                                                 \
	X(SOURCE_APPLIANCE, "appliance")                                                           \
	X(SOURCE_CLIENT, "client")

#define ON_INVALIDS(X)                                                                             \
	X(ON_INVALID_BLOCK, "block")                                                               \
	X(ON_INVALID_MIRROR, "mirror")

#define OCSPS(X)                                                                                   \
	X(OCSP_OFF, "off")                                                                         \
	X(OCSP_SOFT, "soft")                                                                       \
	X(OCSP_HARD, "hard")

#define FORWARD_RULES(X)                                                                           \
	X(FORWARD_RULES_HONOUR, "honour")                                                          \
	X(FORWARD_RULES_IGNORE, "ignore")

#define QUICS(X)                                                                                   \
	X(QUIC_REJECT, "reject")                                                                   \
	X(QUIC_ALLOW, "allow")                                                                     \
	X(QUIC_BY_HOST, "by-host")

#define ON_FAILURES(X)                                                                             \
	X(ON_FAILURE_OPEN, "open")                                                                 \
	X(ON_FAILURE_CLOSED, "closed")

#define ON_RELOADS(X)                                                                              \
	X(ON_RELOAD_KEEP, "keep")                                                                  \
	X(ON_RELOAD_END, "end")

/* What becomes of a server that asks, when the outcome is known. */
#define ON_OUTCOMES(X)                                                                             \
	X(ON_OUTCOME_AS_REQUESTED, "as-requested")                                                 \
	X(ON_OUTCOME_PASS, "pass")                                                                 \
	X(ON_OUTCOME_INTERCEPT, "intercept")                                                       \
	X(ON_OUTCOME_BLOCK, "block")

#define ON_OVERLOADS(X)                                                                            \
	X(ON_OVERLOAD_WAIT, "wait")                                                                \
	X(ON_OVERLOAD_PASS, "pass")                                                                \
	X(ON_OVERLOAD_BLOCK, "block")

#define ON_PINNED(X)                                                                               \
	X(ON_PINNED_OFF, "off")                                                                    \
	X(ON_PINNED_ADVISE, "advise")                                                              \
	X(ON_PINNED_PASS, "pass")

#define TLS_VERSIONS(X)                                                                            \
	X(TLS_VERSION_1_2, "1.2")                                                                  \
	X(TLS_VERSION_1_3, "1.3")

/* The client offers what would be stronger, and the engine does not speak it. */
#define ON_DOWNGRADES(X)                                                                           \
	X(ON_DOWNGRADE_LOG, "log")                                                                 \
	X(ON_DOWNGRADE_PASS, "pass")

#define ON_UNRECORDED(X)                                                                           \
	X(ON_UNRECORDED_STOP, "stop")                                                              \
	X(ON_UNRECORDED_CONTINUE, "continue")

/* The ports of servers in captures. */
#define CAPTURE_PORTS(X)                                                                           \
	X(CAPTURE_PORTS_PLAIN, "plain")                                                            \
	X(CAPTURE_PORTS_REAL, "real")

#define CONFIG_CONSTANT(constant, text) constant,
enum source { SOURCES(CONFIG_CONSTANT) };
enum on_invalid { ON_INVALIDS(CONFIG_CONSTANT) };
enum ocsp { OCSPS(CONFIG_CONSTANT) };
enum on_failure { ON_FAILURES(CONFIG_CONSTANT) };
enum on_reload { ON_RELOADS(CONFIG_CONSTANT) };
enum forward_rules { FORWARD_RULES(CONFIG_CONSTANT) };
enum quic { QUICS(CONFIG_CONSTANT) };
enum on_outcome { ON_OUTCOMES(CONFIG_CONSTANT) };
enum on_overload { ON_OVERLOADS(CONFIG_CONSTANT) };
enum on_pinned { ON_PINNED(CONFIG_CONSTANT) };
enum tls_version { TLS_VERSIONS(CONFIG_CONSTANT) };
enum on_downgrade { ON_DOWNGRADES(CONFIG_CONSTANT) };
enum capture_ports { CAPTURE_PORTS(CONFIG_CONSTANT) };
enum on_unrecorded { ON_UNRECORDED(CONFIG_CONSTANT) };
#undef CONFIG_CONSTANT

#endif
