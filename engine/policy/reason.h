/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_REASON_H
#define POSTERN_POLICY_REASON_H

/*
 * The vocabulary of the log: what became of a connection (fate), why (reason), how it ended (end).
 * These lists are closed: enum, word and meaning come from one line each, and doc/reasons.md,
 * `postern reasons` and the tests are held against them.
 */

#define FATES(X)                                                                                   \
	X(FATE_INTERCEPT, "intercept", "decrypted between client and server")                      \
	X(FATE_PASS, "pass", "forwarded byte for byte, never opened")                              \
	X(FATE_LEARN, "learn",                                                                     \
	  "passed, and its server is now known to ask for a client certificate")                   \
	X(FATE_BLOCK, "block", "refused")

#define REASONS(X)                                                                                 \
	X(REASON_RULE, "rule", "a rule of the configuration decided")                              \
	X(REASON_DEFAULT, "default", "no rule matched, the default decided")                       \
	X(REASON_LEARNED, "learned", "the server asked for a client certificate before")           \
	X(REASON_CLIENT_CERTIFICATE_REQUESTED, "client_certificate_requested",                     \
	  "the server asked for a client certificate in this very connection's probe")             \
	X(REASON_CLIENT_CERTIFICATE_UNVERIFIED, "client_certificate_unverified",                   \
	  "the server asked for a client certificate, and its own does not verify")                \
	X(REASON_CLIENT_CERTIFICATE_OTHER_AUTHORITY, "client_certificate_other_authority",         \
	  "the server asked for certificates of none of the listed authorities")                   \
	X(REASON_CLIENT_PINS, "client_pins",                                                       \
	  "the client refused this host's forged certificates before")                             \
	X(REASON_NOT_TLS, "not_tls", "the first bytes are not TLS")                                \
	X(REASON_CLIENT_SILENT, "client_silent", "the client sent nothing within timeouts.silent") \
	X(REASON_HELLO_SHORT, "hello_short", "the hello was not whole within timeouts.hello")      \
	X(REASON_HELLO_MALFORMED, "hello_malformed", "the hello breaks the grammar of TLS")        \
	X(REASON_HELLO_TOO_LARGE, "hello_too_large", "the hello is larger than can be read")       \
	X(REASON_NO_SNI, "no_sni", "the hello names no server")                                    \
	X(REASON_CLIENT_UNSUPPORTED, "client_unsupported",                                         \
	  "the client offers nothing that the engine speaks")                                      \
	X(REASON_CLIENT_POST_QUANTUM, "client_post_quantum",                                       \
	  "the client offers post-quantum key exchange, and tls.downgrade passes such clients")    \
	X(REASON_OVERLOAD, "overload",                                                             \
	  "the hello had waited for the engine longer than overload.delay")                        \
	X(REASON_CERTIFICATE_EXPIRED, "certificate_expired",                                       \
	  "a certificate of the server expired")                                                   \
	X(REASON_CERTIFICATE_NOT_YET_VALID, "certificate_not_yet_valid",                           \
	  "a certificate of the server is not valid yet")                                          \
	X(REASON_CERTIFICATE_NAME_MISMATCH, "certificate_name_mismatch",                           \
	  "the server's certificate is for another name")                                          \
	X(REASON_CERTIFICATE_UNTRUSTED, "certificate_untrusted",                                   \
	  "no trusted authority stands behind the server's certificate")                           \
	X(REASON_CERTIFICATE_OWN_CA, "certificate_own_ca",                                         \
	  "the server's certificate was made by this appliance's own CA")                          \
	X(REASON_CERTIFICATE_REVOKED, "certificate_revoked",                                       \
	  "a certificate of the server is revoked")                                                \
	X(REASON_CERTIFICATE_REVOCATION_UNKNOWN, "certificate_revocation_unknown",                 \
	  "no sound list says whether a certificate of the server is revoked")                     \
	X(REASON_CERTIFICATE_INVALID, "certificate_invalid",                                       \
	  "the server's chain breaks another rule of X.509")                                       \
	X(REASON_SERVER_LEGACY_TLS, "server_legacy_tls", "the server speaks no TLS 1.2 or 1.3")    \
	X(REASON_SERVER_REFUSED_OFFER, "server_refused_offer",                                     \
	  "the server answered the engine's offer with an alert")                                  \
	X(REASON_SERVER_MESSAGE_TOO_LARGE, "server_message_too_large",                             \
	  "a handshake message of the server is larger than 16 KiB")                               \
	X(REASON_SERVER_CERTIFICATE_UNSUPPORTED, "server_certificate_unsupported",                 \
	  "the server's certificate has a key or an extension that the engine cannot handle")      \
	X(REASON_SERVER_TLS_ERROR, "server_tls_error", "the server broke the TLS handshake")       \
	X(REASON_SERVER_CLOSED, "server_closed", "the server closed during the handshake")         \
	X(REASON_SERVER_RESET, "server_reset", "the server reset the connection in the handshake") \
	X(REASON_SERVER_REFUSED, "server_refused", "the server refused the connection")            \
	X(REASON_SERVER_UNREACHABLE, "server_unreachable", "no route to the server")               \
	X(REASON_SERVER_TIMEOUT, "server_timeout", "the server did not answer in time")            \
	X(REASON_SERVER_CHANGED, "server_changed",                                                 \
	  "the client was greeted early, and the server is not as it was before")                  \
	X(REASON_CERTGEN_REFUSED, "certgen_refused", "certgen refused to forge this certificate")  \
	X(REASON_CERTGEN_FAILED, "certgen_failed", "certgen could not sign")                       \
	X(REASON_CERTGEN_DOWN, "certgen_down", "certgen was not running")                          \
	X(REASON_CERTGEN_TIMEOUT, "certgen_timeout", "certgen did not answer in time")             \
	X(REASON_CLIENT_CLOSED, "client_closed", "the client closed before its fate was known")    \
	X(REASON_CLIENT_RESET, "client_reset", "the client reset before its fate was known")       \
	X(REASON_NOT_DIVERTED, "not_diverted", "the client connected to the engine itself")        \
	X(REASON_NO_RESOURCES, "no_resources", "out of descriptors, memory or connections")        \
	X(REASON_SHUTDOWN, "shutdown", "the engine stopped before the fate was known")

#define ENDS(X)                                                                                    \
	X(END_CLIENT_CLOSED, "client_closed", "the client finished first")                         \
	X(END_SERVER_CLOSED, "server_closed", "the server finished first")                         \
	X(END_CLIENT_RESET, "client_reset", "the client reset the connection")                     \
	X(END_SERVER_RESET, "server_reset", "the server reset the connection")                     \
	X(END_CLIENT_ALERT, "client_alert", "the client sent a fatal alert")                       \
	X(END_SERVER_ALERT, "server_alert", "the server sent a fatal alert")                       \
	X(END_CLIENT_TLS_ERROR, "client_tls_error", "the client broke TLS")                        \
	X(END_SERVER_TLS_ERROR, "server_tls_error", "the server broke TLS")                        \
	X(END_LATE_REQUEST, "late_request",                                                        \
	  "the server asked for a client certificate inside the session")                          \
	X(END_CERTIFICATE_REQUIRED, "certificate_required",                                        \
	  "the server refused to go on without a client certificate")                              \
	X(END_IMPOSTOR, "impostor", "another server answered in the place of the learned one")     \
	X(END_BLOCKED_URL, "blocked_url", "a rule refused a request inside the session")           \
	X(END_HTTP_UNREADABLE, "http_unreadable",                                                  \
	  "HTTP that cannot be read, where a rule asks for its path")                              \
	X(END_BLOCKED_BODY, "blocked_body", "the ICAP server did not let a body go")               \
	X(END_UNSCANNED, "unscanned", "a body was to be judged by ICAP, and could not be")         \
	X(END_CLIENT_TIMEOUT, "client_timeout", "the client did not answer in time")               \
	X(END_SERVER_REFUSED, "server_refused", "the server refused the connection")               \
	X(END_SERVER_UNREACHABLE, "server_unreachable", "no route to the server")                  \
	X(END_SERVER_TIMEOUT, "server_timeout", "the server did not answer in time")               \
	X(END_IDLE_TIMEOUT, "idle_timeout", "no byte either way for too long")                     \
	X(END_TOTAL_TIMEOUT, "total_timeout", "passed for as long as timeouts.pass_total allows")  \
	X(END_RULES_CHANGED, "rules_changed",                                                      \
	  "a reload changed the rules, and they do not allow it (on_reload: end)")                 \
	X(END_FORBIDDEN, "forbidden",                                                              \
	  "passed for its request, until the operator forbade that (postern learned forbid)")      \
	X(END_REFUSED, "refused", "the engine refused the connection")                             \
	X(END_NO_RESOURCES, "no_resources", "out of descriptors or memory")                        \
	X(END_SHUTDOWN, "shutdown", "the engine stopped")

#define REASON_ENUM(name, word, meaning) name,
enum fate { FATES(REASON_ENUM) };
enum reason { REASONS(REASON_ENUM) };
enum end { ENDS(REASON_ENUM) };
#undef REASON_ENUM

const char *fate_text(enum fate fate);
const char *reason_text(enum reason reason);
const char *end_text(enum end end);

/* A list as text, for people and for tests: each line "kind<TAB>word<TAB>meaning". */
const char *reason_lists(void);

#endif
