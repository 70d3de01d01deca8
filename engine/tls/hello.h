/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_HELLO_H
#define POSTERN_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2), read from the first bytes a
 * client sent. No I/O: bytes in, facts out.
 */

enum {
	HELLO_MAX = 65536,        /* bytes on the wire, record headers included */
	HELLO_RECORDS_MAX = 4096, /* records one hello may be cut into */
	HELLO_HOST_MAX = 256,     /* a DNS name is at most 253 bytes; NUL included here */
	HELLO_SUITES_MAX = 512,
	HELLO_LIST_MAX = 128,  /* of every other list kept */
	HELLO_ALPN_MAX = 1024, /* bytes of the ProtocolNameList that are kept */
};

enum hello_result {
	HELLO_WHOLE,     /* all of it is there */
	HELLO_SHORT,     /* a prefix of a hello; more must come */
	HELLO_NOT_TLS,   /* the first bytes are not a TLS handshake record */
	HELLO_MALFORMED, /* begins as a TLS hello and breaks its grammar */
	HELLO_TOO_LARGE, /* beyond HELLO_MAX or HELLO_RECORDS_MAX */
};

/* A list of 16-bit code points as sent, GREASE (RFC 8701) included. */
struct hello_list {
	uint16_t n;
	uint16_t at[HELLO_LIST_MAX];
};

struct hello {
	size_t wire_length;        /* bytes of the records that carry the hello */
	size_t needed;             /* after HELLO_SHORT: the least a whole hello can take */
	uint16_t legacy_version;   /* client_version of the hello itself */
	char host[HELLO_HOST_MAX]; /* server_name, lower case, without trailing dot; "" when none */
	bool has_sni;              /* the extension was there and held a host name */
	uint16_t n_suites;
	uint16_t suites[HELLO_SUITES_MAX];
	struct hello_list extensions; /* types in the order sent */
	struct hello_list versions;   /* none: legacy_version speaks */
	struct hello_list groups;     /* supported_groups */
	struct hello_list key_shares; /* groups that a share was sent for */
	struct hello_list signature_algorithms;
	uint8_t n_point_formats;
	uint8_t point_formats[16]; /* for JA3 */
	uint16_t alpn_length;
	uint8_t alpn[HELLO_ALPN_MAX]; /* names as sent, a byte of length before each */
	bool has_ticket;              /* session_ticket (35) that is not empty */
	bool has_session_id;
	bool has_psk; /* pre_shared_key */
	bool has_early_data;
	bool has_post_handshake_auth;
	bool has_ech; /* encrypted_client_hello (0xfe0d); may be GREASE */
};

/*
 * Reads the hello at the start of `bytes`; what follows it in later records is not looked at.
 * Records of type handshake may cut it anywhere. After HELLO_WHOLE all of *ret_hello is set but
 * `needed`, after HELLO_SHORT only `needed`, otherwise nothing.
 *
 * HELLO_NOT_TLS is for bytes that no TLS stack takes for a beginning; SSLv2's hello is among them.
 * Other record types, and record versions below 3, are HELLO_MALFORMED: some stack might skip or
 * overlook them. So are empty or overlong records, another message, bytes left over inside a
 * structure or behind the hello in its last record, lists that overrun or are empty where the RFC
 * wants one entry, an extension sent twice or after pre_shared_key, and a name that is no DNS
 * name. Not an error: a list longer than what is kept (its first entries are), and an IP address as
 * server name (it counts as none).
 */
enum hello_result hello_parse(const uint8_t *bytes, size_t n, struct hello *ret_hello);

/*
 * The same for a handshake message (type, length, body) that came without records, as in QUIC:
 * false when it is not exactly one hello, or breaks its grammar. wire_length is then n.
 */
bool hello_parse_message(const uint8_t *message, size_t n, struct hello *ret_hello);

/*
 * Writes the handshake message (type, length, body) of a whole hello into `message`, without record
 * headers. `bytes` and `wire_length` as hello_parse() saw them; `size` of wire_length always
 * suffices. Returns the length, 0 when it does not fit.
 */
size_t hello_message(const uint8_t *bytes, size_t wire_length, uint8_t *message, size_t size);

bool hello_is_grease(uint16_t code);
/*
 * Highest and lowest version offered out of SSL 3.0 (0x0300) to TLS 1.3 (0x0304); 0 when none is.
 * Without supported_versions both are legacy_version: such a hello does not tell its lowest.
 */
uint16_t hello_version_max(const struct hello *hello);
uint16_t hello_version_min(const struct hello *hello);
bool hello_offers(const struct hello_list *list, uint16_t code);

/* Steps through `alpn`: *at starts at 0; returns each name's bytes and length, NULL at the end. */
const uint8_t *hello_alpn_next(const struct hello *hello, size_t *at, size_t *ret_n);

#endif
