/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_KEYS_H
#define POSTERN_POLICY_KEYS_H

#include "policy/config.h"
#include "policy/keys_capture.h"
#include "policy/keys_icap.h"
#include "policy/keys_tls.h"
#include "policy/value.h"

/*
 * Every key of the configuration that holds one value: name, member of struct config, kind of value
 * (keys.c), default as it would be written in YAML, meaning. A new key is one line here and the
 * member.
 */
#define KEYS_GENERAL(X)                                                                            \
	X("listen.ipv4", listen.ipv4, address4, "0.0.0.0", "listening address, or none")           \
	X("listen.ipv6", listen.ipv6, address6, "\"::\"", "listening address, or none")            \
	X("listen.port", listen.port, port, "8443", "port of both listening addresses")            \
	X("workers", workers, workers, "0", "worker threads; 0: one per processor")                \
	X("user", user, user, "postern", "who the engine runs as; empty: who starts it")           \
	X("state_dir", state_dir, path, "/var/lib/postern", "working folder of the engine")        \
	X("core_dumps", core_dumps, boolean, "false", "whether a crash may write memory to disk")  \
	X("source", source, source, "appliance", "whose address servers see")                      \
	X("marks.listener", mark_listener, mark, "0x80", "mark of sockets with clients")           \
	X("marks.upstream", mark_upstream, mark, "0x40", "mark of sockets with servers")           \
	X("max_connections", max_connections, count, "20000", "connections at once")               \
	X("default", fallback, any_fate, "intercept", "fate of what no rule matches")              \
	X("hello.not_tls", hello.not_tls, pass_or_block, "pass", "the client does not speak TLS")  \
	X("hello.silent", hello.silent, pass_or_block, "pass", "the client waits for the server")  \
	X("hello.malformed", hello.malformed, pass_or_block, "block",                              \
	  "the hello breaks its grammar")                                                          \
	X("hello.no_sni", hello.no_sni, any_fate, "intercept", "the hello names no server")        \
	X("hello.unsupported", hello.unsupported, pass_or_block, "pass",                           \
	  "the hello offers nothing that the engine speaks")                                       \
	X("on_failure", on_failure, on_failure, "closed", "fate of new connections in a failure")  \
	X("on_reload", on_reload, on_reload, "keep",                                               \
	  "connections that rules allowed before a reload, and not after it")                      \
	X("overload.policy", overload.policy, on_overload, "wait",                                 \
	  "new connections that the engine comes to late")                                         \
	X("overload.delay", overload.delay, duration, "200ms", "how late that is")                 \
	X("quic", quic, quic, "reject", "what is done about UDP to port 443")                      \
	X("gate.user", gate.user, user, "postern-gate",                                            \
	  "who the gate runs as; empty: who starts it")                                            \
	X("gate.queue", gate.queue, queue, "4430", "the first of its two NFQUEUE numbers")         \
	X("gate.cache", gate.cache, duration, "10m", "how long the kernel's sets know an address") \
	X("gate.forward_rules", gate.forward_rules, forward_rules, "honour",                       \
	  "whether the FORWARD chain is asked before a connection is intercepted")                 \
	X("status_file", status_file, path, "/run/postern/status", "what postern status reads")    \
	X("learn.store", learn.store, store, "/var/lib/postern/learned.db",                        \
	  "where what is learned is kept: a file, redis://..., or none")                           \
	X("learn.nothing_ttl", learn.nothing_ttl, duration, "1h",                                  \
	  "how long it is remembered that a server asked nothing")                                 \
	X("learn.siblings", learn.siblings, limit, "3",                                            \
	  "names below a wildcard that make an entry for all of them; 0: never")                   \
	X("learn.per_client", learn.per_client, limit, "100",                                      \
	  "new entries per client and hour; 0: no limit")                                          \
	X("learn.approval", learn.is_to_be_approved, boolean, "false",                             \
	  "whether a new entry counts only once it is approved")                                   \
	X("learn.ttl", learn.ttl, duration, "12h", "how long a learned server is remembered")      \
	X("learn.max_entries", learn.max_entries, count, "100000", "learned servers at once")      \
	X("learn.pass_addresses", learn.pass_addresses, boolean, "false",                          \
	  "whether the kernel passes addresses whose every server asked")                          \
	X("pinned.policy", pinned.policy, on_pinned, "advise",                                     \
	  "clients that trust the CA and refuse one host's forged certificate")                    \
	X("pinned.refusals", pinned.refusals, count, "3", "refusals that show it")                 \
	X("pinned.clients", pinned.clients, count, "2", "clients that they must come from")        \
	X("pinned.window", pinned.window, duration, "24h", "how long a refusal counts")            \
	X("timeouts.silent", timeouts.silent, duration, "3s", "for the client's first byte")       \
	X("timeouts.hello", timeouts.hello, duration, "5s", "for the whole hello")                 \
	X("timeouts.dial", timeouts.dial, duration, "10s", "for the connection to the server")     \
	X("timeouts.probe", timeouts.probe, duration, "10s", "for the handshake with the server")  \
	X("timeouts.ocsp", timeouts.ocsp, duration, "3s", "for the answer of an authority")        \
	X("timeouts.hear", timeouts.hear, duration, "500ms",                                       \
	  "for what a server says to an empty certificate")                                        \
	X("timeouts.forge", timeouts.forge, duration, "5s", "for a forged certificate")            \
	X("timeouts.greet", timeouts.greet, duration, "10s", "for the handshake with the client")  \
	X("timeouts.idle", timeouts.idle, duration, "5m", "without a byte, intercepted")           \
	X("timeouts.pass_idle", timeouts.pass_idle, duration, "1h", "without a byte, passed")      \
	X("timeouts.pass_total", timeouts.pass_total, duration_or_none, "none",                    \
	  "altogether, passed")                                                                    \
	X("timeouts.linger", timeouts.linger, duration, "30s", "for the second side to close")     \
	X("timeouts.refuse", timeouts.refuse, duration, "2s",                                      \
	  "after an alert, for the client to close")                                               \
	X("timeouts.drain", timeouts.drain, duration, "1h",                                        \
	  "after an upgrade, for the connections of the old engine")                               \
	X("bundle.keys", bundle.keys, path, "/etc/postern/bundle.pub",                             \
	  "public keys whose bundles are applied: a file, or a folder of files")                   \
	X("web.listen", web.listen, endpoint, "none",                                              \
	  "where metrics, health and the page are served, or none")                                \
	X("web.remote", web.is_remote, boolean, "false",                                           \
	  "whether that may be an address that other machines reach")                              \
	X("web.name", web.name, host, "\"\"", "a name by which it is asked, besides localhost")    \
	X("web.token", web.token, path_or_none, "/var/lib/postern/web.token",                      \
	  "file of the word that allows to approve and forget, or none")                           \
	X("web.program", web.program, optional_path, "\"\"",                                       \
	  "the serving program; empty: the installed one")                                         \
	X("http.events", http.events, boolean, "false", "whether requests are logged")             \
	X("http.page", http.page, optional_path, "\"\"",                                           \
	  "file of the page for refused requests; empty: the built-in one")                        \
	X("http.unreadable", http.unreadable, pass_or_block, "block",                              \
	  "HTTP that cannot be read, from a host that a rule with a path names")                   \
	X("log.queue", log.queue, queue_size, "8M", "events that wait for slow outputs")           \
	X("log.stats_interval", log.stats_interval, duration, "1m",                                \
	  "between events of statistics")                                                          \
	X("log.level", log.level, level, "info", "least severe message on standard error")

#define KEYS(X) KEYS_GENERAL(X) KEYS_CAPTURE(X) KEYS_ICAP(X) KEYS_TLS(X)

#define KEYS_ONE(name, member, kind, fallback, meaning) +1
enum { KEYS_N = 0 KEYS(KEYS_ONE) };
#undef KEYS_ONE

struct key {
	const char *name;
	size_t offset, size; /* of the member of struct config */
	const struct value_kind *kind;
	const char *fallback;
};

extern const struct key keys_all[KEYS_N];

/* NULL: no key has this name. */
const struct key *keys_find(const char *name);

/* Whether all boxes of a fleet may share its value: it is policy, and says nothing of the box. */
bool key_is_shared(const struct key *key);

/* One line per key: name, default, meaning. For --help, the manual page and its test. */
struct config_key {
	const char *name;     /* "timeouts.hello" */
	const char *fallback; /* the default as it would be written in YAML */
	const char *meaning;
};
const struct config_key *config_keys(unsigned *ret_n);

/* The value in force of the key, as it would be written. False: there is no such key. */
bool config_text(const struct config *config, const char *name, char *text, size_t size);

#endif
