/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_KEYS_H
#define POSTERN_POLICY_KEYS_H

#include "policy/config.h"
#include "policy/value.h"

/*
 * Every key of the configuration that holds one value: name, member of struct config, kind of value
 * (keys.c), default as it would be written in YAML, meaning. A new key is one line here and the
 * member.
 */
#define KEYS(X)                                                                                    \
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
	X("ca.certificate", ca.certificate, path, "/etc/postern/ca.crt", "the appliance's CA")     \
	X("ca.key", ca.key, ca_key, "/etc/postern/ca.key", "its key")                              \
	X("ca.untrusted_certificate", ca.untrusted_certificate, optional_path, "\"\"",             \
	  "the CA, trusted by nobody, that upstream.invalid: mirror signs with")                   \
	X("ca.untrusted_key", ca.untrusted_key, optional_path, "\"\"", "its key")                  \
	X("certgen.program", certgen.program, optional_path, "\"\"",                               \
	  "the forging program; empty: the installed one")                                         \
	X("certgen.user", certgen.user, user, "postern-certgen",                                   \
	  "who it runs as; empty: who starts it")                                                  \
	X("certgen.max_lifetime", certgen.max_lifetime, duration, "22h",                           \
	  "of a forged certificate")                                                               \
	X("certgen.rate", certgen.rate, limit, "500",                                              \
	  "new forged certificates per second; 0: no limit")                                       \
	X("certgen.burst", certgen.burst, count, "2000", "new forged certificates at once")        \
	X("audit.issued", audit.issued, path_or_none, "/var/log/postern-audit/issued.json",        \
	  "file that records every forged certificate, or none")                                   \
	X("audit.on_failure", audit.on_failure, on_unrecorded, "stop",                             \
	  "what becomes of a forged certificate that cannot be recorded")                          \
	X("audit.sync", audit.is_synced, boolean, "true", "whether the disk is waited for")        \
	X("audit.size", audit.size, count, "16", "MiB after which a new file is begun")            \
	X("audit.files", audit.n_files, count, "64", "older files that are kept")                  \
	X("audit.keep", audit.keep, duration, "365d", "how long an older file is kept")            \
	X("default", fallback, any_fate, "intercept", "fate of what no rule matches")              \
	X("hello.not_tls", hello.not_tls, pass_or_block, "pass", "the client does not speak TLS")  \
	X("hello.silent", hello.silent, pass_or_block, "pass", "the client waits for the server")  \
	X("hello.malformed", hello.malformed, pass_or_block, "block",                              \
	  "the hello breaks its grammar")                                                          \
	X("hello.no_sni", hello.no_sni, any_fate, "intercept", "the hello names no server")        \
	X("hello.unsupported", hello.unsupported, pass_or_block, "pass",                           \
	  "the hello offers nothing that the engine speaks")                                       \
	X("tls.minimum_version", tls.minimum_version, tls_version, "1.2",                          \
	  "oldest version of an intercepted connection, on either side")                           \
	X("tls.suites", tls.suites, suites, "recommended", "its cipher suites")                    \
	X("tls.groups", tls.groups, groups, "all", "its groups of the key exchange")               \
	X("tls.signature_algorithms", tls.signature_algorithms, signatures, "all",                 \
	  "how its ends sign the handshake")                                                       \
	X("tls.downgrade", tls.downgrade, on_downgrade, "log",                                     \
	  "the client offers post-quantum key exchange, and the engine has none")                  \
	X("upstream.trust_store", upstream.trust_store, path,                                      \
	  "/etc/ssl/certs/ca-certificates.crt", "the CAs that servers are verified against")       \
	X("upstream.crls", upstream.crls, optional_path, "\"\"",                                   \
	  "folder of lists of revoked certificates; empty: nobody is asked")                       \
	X("upstream.revocation_unknown", upstream.revocation_unknown, any_fate, "block",           \
	  "no list there says whether a certificate is revoked")                                   \
	X("upstream.ocsp", upstream.ocsp, ocsp, "off",                                             \
	  "whether authorities are asked for certificates that they revoked")                      \
	X("upstream.ocsp_private", upstream.ocsp_private, boolean, "false",                        \
	  "whether they may be asked at private addresses")                                        \
	X("upstream.invalid", upstream.invalid, on_invalid, "block",                               \
	  "the server's certificate does not verify")                                              \
	X("upstream.unsupported", upstream.unsupported, pass_or_block, "pass",                     \
	  "the server speaks nothing that the engine does")                                        \
	X("upstream.resumption", upstream.resumption, boolean, "true",                             \
	  "whether sessions with servers that ask for no certificate are resumed")                 \
	X("downstream.tickets", downstream.tickets, boolean, "true",                               \
	  "whether clients may resume their sessions with the engine")                             \
	X("client_certificate.requested", client_certificate.requested, any_fate, "pass",          \
	  "the server asks the client for a certificate")                                          \
	X("client_certificate.required", client_certificate.required, on_outcome, "as-requested",  \
	  "it is known to refuse those who have none")                                             \
	X("client_certificate.unused", client_certificate.unused, on_outcome, "as-requested",      \
	  "it is known to serve those who have none, and nobody sent one")                         \
	X("client_certificate.unverified", client_certificate.unverified, pass_or_block, "block",  \
	  "it asks, and its own certificate does not verify")                                      \
	X("client_certificate.authorities", client_certificate.authorities, optional_path, "\"\"", \
	  "list of the authorities that may be asked for; empty: any")                             \
	X("client_certificate.other_authorities", client_certificate.other_authorities, any_fate,  \
	  "block", "it asks for none of those")                                                    \
	X("on_failure", on_failure, on_failure, "closed", "fate of new connections in a failure")  \
	X("quic", quic, quic, "reject", "what is done about UDP to port 443")                      \
	X("gate.user", gate.user, user, "postern-gate",                                            \
	  "who the gate runs as; empty: who starts it")                                            \
	X("gate.queue", gate.queue, queue, "4430", "the first of its three NFQUEUE numbers")       \
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
	X("timeouts.linger", timeouts.linger, duration, "30s", "for the second side to close")     \
	X("timeouts.refuse", timeouts.refuse, duration, "2s",                                      \
	  "after an alert, for the client to close")                                               \
	X("timeouts.drain", timeouts.drain, duration, "1h",                                        \
	  "after an upgrade, for the connections of the old engine")                               \
	X("log.connections", log.connections, output, "stdout",                                    \
	  "file of the connection log, stdout or none")                                            \
	X("log.level", log.level, level, "info", "least severe message on standard error")

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
