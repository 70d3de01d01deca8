/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_KEYS_TLS_H
#define POSTERN_POLICY_KEYS_TLS_H

/* The keys about TLS: who signs, who is trusted, what is agreed on. See keys.h. */
#define KEYS_TLS(X)                                                                                \
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
	X("certgen.per_client", certgen.per_client, limit, "1000",                                 \
	  "new forged certificates per client and minute; 0: no limit")                            \
	X("audit.issued", audit.issued, path_or_none, "/var/log/postern-audit/issued.json",        \
	  "file that records every forged certificate, or none")                                   \
	X("audit.on_failure", audit.on_failure, on_unrecorded, "stop",                             \
	  "what becomes of a forged certificate that cannot be recorded")                          \
	X("audit.sync", audit.is_synced, boolean, "true", "whether the disk is waited for")        \
	X("audit.size", audit.size, count, "16", "MiB after which a new file is begun")            \
	X("audit.files", audit.n_files, count, "64", "older files that are kept")                  \
	X("audit.keep", audit.keep, duration, "365d", "how long an older file is kept")            \
	X("tls.minimum_version", tls.minimum_version, tls_version, "1.2",                          \
	  "oldest version of an intercepted connection, on either side")                           \
	X("tls.suites", tls.suites, suites, "recommended", "its cipher suites")                    \
	X("tls.groups", tls.groups, groups, "all", "its groups of the key exchange")               \
	X("tls.signature_algorithms", tls.signature_algorithms, signatures, "all",                 \
	  "how its ends sign the handshake")                                                       \
	X("tls.downgrade", tls.downgrade, on_downgrade, "log",                                     \
	  "the client offers post-quantum key exchange, and the engine has none")                  \
	X("tls.kernel", tls.kernel, boolean, "false",                                              \
	  "whether the kernel carries what nobody looks at (kernel TLS)")                          \
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
	X("upstream.aia", upstream.aia, boolean, "false",                                          \
	  "whether intermediates that a server does not send are fetched")                         \
	X("upstream.invalid", upstream.invalid, on_invalid, "block",                               \
	  "the server's certificate does not verify")                                              \
	X("upstream.unsupported", upstream.unsupported, pass_or_block, "pass",                     \
	  "the server speaks nothing that the engine does")                                        \
	X("upstream.resumption", upstream.resumption, boolean, "true",                             \
	  "whether sessions with servers that ask for no certificate are resumed")                 \
	X("upstream.fast_open", upstream.fast_open, boolean, "false",                              \
	  "whether the hello goes to the server with the SYN (TCP Fast Open)")                     \
	X("downstream.tickets", downstream.tickets, boolean, "true",                               \
	  "whether clients may resume their sessions with the engine")                             \
	X("downstream.greet_early", downstream.greet_early, boolean, "false",                      \
	  "whether clients are greeted while a server answers that was seen a moment ago")         \
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
	  "block", "it asks for none of those")

#endif
