/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How it works
 *
 * A ClientHello is one handshake message inside one or many records, and hostile clients cut it
 * where parsers are weak: after its first byte, one byte a record, thousands of records. So the
 * work is done in two steps that know nothing of each other.
 *
 * records_walk() looks at record headers and at the four bytes of the message's own header, and
 * says how far the records reach that carry the message. It alone decides SHORT and TOO_LARGE.
 * While bytes are missing it says how many a whole hello takes at the very least: a caller who
 * waits for that many wakes up a handful of times even when each record carries one byte, so that
 * starting again from the first byte stays cheap.
 *
 * message_read() reads the message as one piece. A hello in one record is read where it lies, one
 * in several is first joined in a buffer.
 *
 * What is refused as MALFORMED instead of NOT_TLS matters, because "not TLS" may be a reason to
 * pass. A TLS stack, mbedTLS among them, may skip warning alerts or a ChangeCipherSpec before the
 * hello and does not look at the record's version; bytes that could be such a beginning are TLS
 * that we do not follow, never "not TLS".
 */
#include "tls/hello.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/reader.h"

enum {
	RECORD_HEADER = 5,
	RECORD_MAX = 16384, /* RFC 8446 section 5.1 */
	RECORD_CHANGE_CIPHER_SPEC = 20,
	RECORD_HANDSHAKE = 22,
	RECORD_APPLICATION_DATA = 23,
	RECORD_MAJOR = 3, /* of the version; the minor says nothing */
	MESSAGE_HEADER = 4,
	MESSAGE_CLIENT_HELLO = 1,
	SESSION_ID_MAX = 32,
	NAME_TYPE_HOST = 0,
	HOST_MAX = 253,
	LABEL_MAX = 63,
};

enum {
	VERSION_SSL3 = 0x0300,
	VERSION_TLS1_2 = 0x0303,
	VERSION_TLS1_3 = 0x0304,
};

/* Extension types, as the registry of IANA has them. */
enum {
	EXT_SERVER_NAME = 0,
	EXT_SUPPORTED_GROUPS = 10,
	EXT_EC_POINT_FORMATS = 11,
	EXT_SIGNATURE_ALGORITHMS = 13,
	EXT_ALPN = 16,
	EXT_SESSION_TICKET = 35,
	EXT_PRE_SHARED_KEY = 41,
	EXT_EARLY_DATA = 42,
	EXT_SUPPORTED_VERSIONS = 43,
	EXT_POST_HANDSHAKE_AUTH = 49,
	EXT_KEY_SHARE = 51,
	EXT_ECH = 0xfe0d,
};

/* How far the records reach that carry the hello. */
struct extent {
	size_t wire;    /* bytes of the records */
	size_t message; /* bytes of the message in them, its header included */
};

/* The first two bytes of the connection. WHOLE: they begin a handshake record, so read on. */
static enum hello_result beginning_judge(const uint8_t *bytes, size_t n)
{
	if (n > 0 && (bytes[0] < RECORD_CHANGE_CIPHER_SPEC || bytes[0] > RECORD_APPLICATION_DATA))
		return HELLO_NOT_TLS;
	if (n > 1 && bytes[1] > RECORD_MAJOR)
		return HELLO_NOT_TLS;
	if (n < 2)
		return HELLO_SHORT;
	if (bytes[0] != RECORD_HANDSHAKE || bytes[1] != RECORD_MAJOR)
		return HELLO_MALFORMED;
	return HELLO_WHOLE;
}

/*
 * Bytes on the wire that hold the first `total` bytes of the message, when the records up to `end`
 * hold `carried` of them and what is missing comes in as few records as can be.
 */
static size_t wire_least(size_t end, size_t carried, size_t total)
{
	size_t missing;

	if (carried >= total)
		return end - (carried - total);
	missing = total - carried;
	return end + missing + RECORD_HEADER * ((missing + RECORD_MAX - 1) / RECORD_MAX);
}

/* Adds what `fragment` holds of the message's header to the *n bytes of it that are there. */
static void header_collect(uint8_t header[MESSAGE_HEADER], size_t *n, struct reader fragment)
{
	while (*n < MESSAGE_HEADER && reader_left(&fragment) > 0)
		header[(*n)++] = reader_u8(&fragment);
}

/* Sets one of the two: *ret_extent after WHOLE, *ret_needed after SHORT. */
static enum hello_result records_walk(const uint8_t *bytes, size_t n, struct extent *ret_extent,
				      size_t *ret_needed)
{
	struct reader wire = reader_of(bytes, n);
	uint8_t header[MESSAGE_HEADER];
	size_t n_header = 0;
	size_t needed = RECORD_HEADER;
	size_t end = 0;     /* of the records looked at */
	size_t carried = 0; /* message bytes in them */

	for (unsigned records = 0; records < HELLO_RECORDS_MAX; records++) {
		uint8_t type = reader_u8(&wire);
		uint8_t major = reader_u8(&wire);
		size_t total = MESSAGE_HEADER; /* of the message, as far as is known */
		size_t length, here;

		reader_u8(&wire); /* minor version */
		length = reader_u16(&wire);
		if (!reader_ok(&wire)) {
			*ret_needed = needed;
			return HELLO_SHORT;
		}
		if (type != RECORD_HANDSHAKE || major != RECORD_MAJOR || length == 0 ||
		    length > RECORD_MAX)
			return HELLO_MALFORMED;

		end += RECORD_HEADER + length;
		carried += length;
		here = length < reader_left(&wire) ? length : reader_left(&wire);
		header_collect(header, &n_header, reader_of(wire.at, here));
		if (n_header > 0 && header[0] != MESSAGE_CLIENT_HELLO)
			return HELLO_MALFORMED;
		if (n_header == MESSAGE_HEADER) {
			total += (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
			if (carried > total)
				return HELLO_MALFORMED; /* something follows it in its record */
		}
		needed = wire_least(end, carried, total);
		if (needed > HELLO_MAX)
			return HELLO_TOO_LARGE;
		if (!reader_bytes(&wire, length)) {
			*ret_needed = needed;
			return HELLO_SHORT;
		}
		if (carried == total) {
			*ret_extent = (struct extent){ .wire = end, .message = total };
			return HELLO_WHOLE;
		}
	}
	return HELLO_TOO_LARGE;
}

size_t hello_message(const uint8_t *bytes, size_t wire_length, uint8_t *message, size_t size)
{
	struct reader wire = reader_of(bytes, wire_length);
	size_t n = 0;

	while (reader_left(&wire) > 0) {
		struct reader fragment;

		reader_bytes(&wire, RECORD_HEADER - 2);
		fragment = reader_vector(&wire, 2);
		if (!reader_ok(&wire) || reader_left(&fragment) > size - n)
			return 0;
		memcpy(message + n, fragment.at, reader_left(&fragment));
		n += reader_left(&fragment);
	}
	return n;
}

/* A non-empty vector of code points; fills `list` with the first ones. */
static bool codes_read(struct reader *r, size_t width, uint16_t *codes, size_t size,
		       uint16_t *ret_n)
{
	struct reader vector = reader_vector(r, width);
	size_t n = reader_left(&vector);

	if (!reader_ok(r) || n == 0 || n % 2 != 0)
		return false;
	for (*ret_n = 0; reader_left(&vector) > 0 && *ret_n < size; (*ret_n)++)
		codes[*ret_n] = reader_u16(&vector);
	return true;
}

static bool list_read(struct reader *r, size_t width, struct hello_list *list)
{
	return codes_read(r, width, list->at, HELLO_LIST_MAX, &list->n);
}

static void list_add(struct hello_list *list, uint16_t code)
{
	if (list->n < HELLO_LIST_MAX)
		list->at[list->n++] = code;
}

/* What labels are made of, in lower case; the underscore is in no host name, yet is met. Or 0. */
static char label_char(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ? c : 0;
}

/* Makes a name lower case; false when DNS could not hold it (RFC 1035 section 2.3.4). */
static bool labels_lower(char *host)
{
	size_t n_label = 0;

	for (char *at = host; *at; at++) {
		if (*at == '.') {
			if (n_label == 0)
				return false;
			n_label = 0;
			continue;
		}
		*at = label_char(*at);
		if (*at == 0 || ++n_label > LABEL_MAX)
			return false;
	}
	return n_label > 0;
}

/*
 * An address is no name: RFC 6066 section 3 forbids it here, so it counts as if nothing had been
 * said.
 */
static bool host_read(struct reader name, struct hello *hello)
{
	char host[HELLO_HOST_MAX];
	uint8_t address[sizeof(struct in6_addr)];
	size_t n = reader_left(&name);

	if (n > 0 && name.at[n - 1] == '.')
		n--;
	if (n == 0 || n > HOST_MAX || memchr(name.at, 0, n))
		return false;
	memcpy(host, name.at, n);
	host[n] = '\0';
	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		return true;
	if (!labels_lower(host))
		return false;
	memcpy(hello->host, host, n + 1);
	hello->has_sni = true;
	return true;
}

/* RFC 6066 section 3. A type that nobody defined yet is skipped; a second host name is refused. */
static bool server_name_read(struct reader *r, struct hello *hello)
{
	struct reader names = reader_vector(r, 2);
	bool is_seen = false;

	if (reader_left(&names) == 0)
		return false;
	while (reader_left(&names) > 0) {
		uint8_t type = reader_u8(&names);
		struct reader name = reader_vector(&names, 2);

		if (!reader_ok(&names))
			return false;
		if (type != NAME_TYPE_HOST)
			continue;
		if (is_seen || !host_read(name, hello))
			return false;
		is_seen = true;
	}
	return true;
}

/* RFC 7301 section 3.1. Names are kept whole, as many as there is room for. */
static bool alpn_read(struct reader *r, struct hello *hello)
{
	struct reader names = reader_vector(r, 2);
	const uint8_t *start = names.at;

	if (reader_left(&names) == 0)
		return false;
	while (reader_left(&names) > 0) {
		struct reader name = reader_vector(&names, 1);

		if (!reader_ok(&names) || reader_left(&name) == 0)
			return false;
		if (names.at - start <= HELLO_ALPN_MAX)
			hello->alpn_length = (uint16_t)(names.at - start);
	}
	memcpy(hello->alpn, start, hello->alpn_length);
	return true;
}

/* RFC 8446 section 4.2.8; a client may send no share and wait for the server's wish. */
static bool key_share_read(struct reader *r, struct hello *hello)
{
	struct reader shares = reader_vector(r, 2);

	while (reader_left(&shares) > 0) {
		uint16_t group = reader_u16(&shares);
		struct reader key = reader_vector(&shares, 2);

		if (!reader_ok(&shares) || reader_left(&key) == 0)
			return false;
		list_add(&hello->key_shares, group);
	}
	return true;
}

static bool point_formats_read(struct reader *r, struct hello *hello)
{
	struct reader formats = reader_vector(r, 1);

	if (reader_left(&formats) == 0)
		return false;
	while (reader_left(&formats) > 0 && hello->n_point_formats < sizeof(hello->point_formats))
		hello->point_formats[hello->n_point_formats++] = reader_u8(&formats);
	return true;
}

/* RFC 8446 section 4.2.11: identities and binders, neither of which can be empty. */
static bool pre_shared_key_read(struct reader *r, struct hello *hello)
{
	struct reader identities = reader_vector(r, 2);
	struct reader binders = reader_vector(r, 2);

	hello->has_psk = true;
	return reader_left(&identities) > 0 && reader_left(&binders) > 0;
}

/* Reads one extension; whatever it leaves of `data` is refused by the caller. */
static bool extension_read(uint16_t type, struct reader *data, struct hello *hello)
{
	switch (type) {
	case EXT_SERVER_NAME:
		return server_name_read(data, hello);
	case EXT_SUPPORTED_GROUPS:
		return list_read(data, 2, &hello->groups);
	case EXT_EC_POINT_FORMATS:
		return point_formats_read(data, hello);
	case EXT_SIGNATURE_ALGORITHMS:
		return list_read(data, 2, &hello->signature_algorithms);
	case EXT_ALPN:
		return alpn_read(data, hello);
	case EXT_PRE_SHARED_KEY:
		return pre_shared_key_read(data, hello);
	case EXT_SUPPORTED_VERSIONS:
		return list_read(data, 1, &hello->versions);
	case EXT_KEY_SHARE:
		return key_share_read(data, hello);
	case EXT_EARLY_DATA:
		hello->has_early_data = true;
		return true;
	case EXT_POST_HANDSHAKE_AUTH:
		hello->has_post_handshake_auth = true;
		return true;
	case EXT_SESSION_TICKET:
		hello->has_ticket = reader_left(data) > 0;
		break;
	case EXT_ECH:
		hello->has_ech = true;
		break;
	}
	reader_bytes(data, reader_left(data));
	return true;
}

static bool extensions_read(struct reader *r, struct hello *hello)
{
	struct reader extensions = reader_vector(r, 2);
	uint64_t seen[UINT16_MAX / 64 + 1] = { 0 };

	while (reader_left(&extensions) > 0) {
		uint16_t type = reader_u16(&extensions);
		struct reader data = reader_vector(&extensions, 2);
		uint64_t bit = UINT64_C(1) << type % 64;

		if (!reader_ok(&extensions) || seen[type / 64] & bit || hello->has_psk)
			return false; /* cut, sent twice, or after pre_shared_key */
		seen[type / 64] |= bit;
		list_add(&hello->extensions, type);
		if (!extension_read(type, &data, hello))
			return false;
		if (!reader_ok(&data) || reader_left(&data) > 0)
			return false;
	}
	return true;
}

/* The message: RFC 8446 section 4.1.2. Before TLS 1.3 the extensions may be missing altogether. */
static bool message_read(struct reader r, struct hello *hello)
{
	struct reader session_id, compressions;

	reader_bytes(&r, MESSAGE_HEADER);
	hello->legacy_version = reader_u16(&r);
	reader_bytes(&r, 32); /* random */
	session_id = reader_vector(&r, 1);
	hello->has_session_id = reader_left(&session_id) > 0;
	if (reader_left(&session_id) > SESSION_ID_MAX ||
	    !codes_read(&r, 2, hello->suites, HELLO_SUITES_MAX, &hello->n_suites))
		return false;
	compressions = reader_vector(&r, 1);
	if (reader_left(&compressions) == 0)
		return false;
	if (reader_left(&r) > 0 && !extensions_read(&r, hello))
		return false;
	return reader_ok(&r) && reader_left(&r) == 0;
}

/* Apart from hello_parse(), so that only a hello cut into records pays for the buffer. */
static __attribute__((noinline)) bool message_read_joined(const uint8_t *bytes, size_t wire_length,
							  struct hello *hello)
{
	uint8_t message[HELLO_MAX];
	size_t n = hello_message(bytes, wire_length, message, sizeof(message));

	return message_read(reader_of(message, n), hello);
}

enum hello_result hello_parse(const uint8_t *bytes, size_t n, struct hello *ret_hello)
{
	struct hello hello = { 0 };
	struct extent extent;
	enum hello_result result = beginning_judge(bytes, n);
	bool is_sound;

	if (result == HELLO_SHORT)
		ret_hello->needed = n + 1;
	if (result == HELLO_WHOLE)
		result = records_walk(bytes, n, &extent, &ret_hello->needed);
	if (result != HELLO_WHOLE)
		return result;

	if (extent.wire == RECORD_HEADER + extent.message)
		is_sound = message_read(reader_of(bytes + RECORD_HEADER, extent.message), &hello);
	else
		is_sound = message_read_joined(bytes, extent.wire, &hello);
	if (!is_sound)
		return HELLO_MALFORMED;
	hello.wire_length = extent.wire;
	*ret_hello = hello;
	return HELLO_WHOLE;
}

bool hello_parse_message(const uint8_t *message, size_t n, struct hello *ret_hello)
{
	struct reader r = reader_of(message, n);
	struct hello hello = { .wire_length = n };
	uint8_t type = reader_u8(&r);

	if (type != MESSAGE_CLIENT_HELLO || reader_u24(&r) != reader_left(&r) || n > HELLO_MAX)
		return false;
	if (!message_read(reader_of(message, n), &hello))
		return false;
	*ret_hello = hello;
	return true;
}

bool hello_is_grease(uint16_t code)
{
	return (code & 0x0f0f) == 0x0a0a && code >> 8 == (code & 0xff);
}

/* Without supported_versions the hello's own version is the highest; nothing says the lowest. */
static uint16_t legacy_offer(const struct hello *hello)
{
	if (hello->legacy_version > VERSION_TLS1_2)
		return VERSION_TLS1_2; /* RFC 8446 section 4.2.1: no way to offer more */
	return hello->legacy_version >= VERSION_SSL3 ? hello->legacy_version : 0;
}

static bool is_version_known(uint16_t version)
{
	return version >= VERSION_SSL3 && version <= VERSION_TLS1_3;
}

uint16_t hello_version_max(const struct hello *hello)
{
	uint16_t max = 0;

	if (hello->versions.n == 0)
		return legacy_offer(hello);
	for (unsigned i = 0; i < hello->versions.n; i++) {
		uint16_t version = hello->versions.at[i];

		if (is_version_known(version) && version > max)
			max = version;
	}
	return max;
}

uint16_t hello_version_min(const struct hello *hello)
{
	uint16_t min = 0;

	if (hello->versions.n == 0)
		return legacy_offer(hello);
	for (unsigned i = 0; i < hello->versions.n; i++) {
		uint16_t version = hello->versions.at[i];

		if (is_version_known(version) && (min == 0 || version < min))
			min = version;
	}
	return min;
}

bool hello_offers(const struct hello_list *list, uint16_t code)
{
	for (unsigned i = 0; i < list->n; i++)
		if (list->at[i] == code)
			return true;
	return false;
}

const uint8_t *hello_alpn_next(const struct hello *hello, size_t *at, size_t *ret_n)
{
	struct reader names = reader_of(hello->alpn, hello->alpn_length);
	struct reader name;

	reader_bytes(&names, *at);
	name = reader_vector(&names, 1);
	if (!reader_ok(&names))
		return NULL;
	*at = hello->alpn_length - reader_left(&names);
	*ret_n = reader_left(&name);
	return name.at;
}
