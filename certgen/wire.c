/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certgen/wire.h"

#include <errno.h>

#include "base/reader.h"

static uint8_t *put_uint(uint8_t *at, size_t width, size_t value)
{
	for (size_t i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> 8 * (width - 1 - i));
	return at + width;
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t n)
{
	if (n > 0)
		memcpy(at, bytes, n);
	return at + n;
}

static uint8_t *put_head(uint8_t *at, enum wire_type type)
{
	return put_uint(put_uint(at, 1, WIRE_VERSION), 1, type);
}

/* A reader behind version and type; bad unless they are `type` and ours. */
static struct reader body_of(const uint8_t *message, size_t n, enum wire_type type)
{
	struct reader r = reader_of(message, n);

	if (reader_u8(&r) != WIRE_VERSION || reader_u8(&r) != type)
		r.bad = true;
	return r;
}

static bool is_whole(const struct reader *r)
{
	return reader_ok(r) && reader_left(r) == 0;
}

int wire_type(const uint8_t *message, size_t n, enum wire_type *ret_type)
{
	for (enum wire_type type = WIRE_KEYS; type <= WIRE_ANSWER; type++) {
		struct reader r = body_of(message, n, type);

		if (reader_ok(&r)) {
			*ret_type = type;
			return 0;
		}
	}
	return -EBADMSG;
}

size_t wire_write_keys(const struct wire_keys *keys, uint8_t message[WIRE_KEYS_MAX])
{
	uint8_t *at = put_head(message, WIRE_KEYS);

	for (int i = 0; i < WIRE_KEY_KINDS; i++) {
		if (keys->spki[i].length > WIRE_SPKI_MAX)
			return 0;
		at = put_uint(at, 2, keys->spki[i].length);
		at = put_bytes(at, keys->spki[i].der, keys->spki[i].length);
	}
	return (size_t)(at - message);
}

int wire_parse_keys(const uint8_t *message, size_t n, struct wire_keys *ret_keys)
{
	struct reader r = body_of(message, n, WIRE_KEYS);
	struct wire_keys keys;

	for (int i = 0; i < WIRE_KEY_KINDS; i++) {
		struct reader spki = reader_vector(&r, 2);

		keys.spki[i].der = spki.at;
		keys.spki[i].length = reader_left(&spki);
		if (keys.spki[i].length == 0 || keys.spki[i].length > WIRE_SPKI_MAX)
			return -EBADMSG;
	}
	if (!is_whole(&r))
		return -EBADMSG;
	*ret_keys = keys;
	return 0;
}

size_t wire_write_request_head(const struct certgen_request *request,
			       uint8_t head[WIRE_REQUEST_HEAD_MAX])
{
	size_t host = strnlen(request->host, CERTGEN_HOST_MAX), client;
	const uint8_t *address = addr_bytes(&request->client, &client);
	uint8_t *at = put_head(head, WIRE_REQUEST);

	if (host == CERTGEN_HOST_MAX ||
	    request->leaf_length > CERTGEN_MESSAGE_MAX - WIRE_REQUEST_HEAD_MAX)
		return 0;
	at = put_uint(at, 4, request->id);
	at = put_uint(at, 1, request->kind);
	at = put_uint(at, 1, request->key);
	at = put_uint(at, 1, client);
	at = put_bytes(at, address, client);
	at = put_uint(at, 1, host);
	at = put_bytes(at, request->host, host);
	at = put_uint(at, 3, request->leaf_length);
	return (size_t)(at - head);
}

/* False: neither none nor an address. */
static bool read_address(struct reader *r, union addr *addr)
{
	size_t n = reader_left(r);

	memset(addr, 0, sizeof(*addr));
	if (n == sizeof(addr->v4.sin_addr)) {
		addr->sa.sa_family = AF_INET;
		memcpy(&addr->v4.sin_addr, r->at, n);
	} else if (n == sizeof(addr->v6.sin6_addr)) {
		addr->sa.sa_family = AF_INET6;
		memcpy(&addr->v6.sin6_addr, r->at, n);
	}
	return n == 0 || addr->sa.sa_family != AF_UNSPEC;
}

int wire_parse_request(const uint8_t *message, size_t n, struct certgen_request *ret_request)
{
	struct reader r = body_of(message, n, WIRE_REQUEST);
	struct certgen_request request = { .id = reader_uint(&r, 4) };
	uint8_t kind = reader_u8(&r), key = reader_u8(&r);
	struct reader client = reader_vector(&r, 1), host = reader_vector(&r, 1);
	struct reader leaf = reader_vector(&r, 3);

	if (!is_whole(&r) || kind > CERTGEN_UNTRUSTED || key > CERTGEN_KEY_RSA ||
	    reader_left(&leaf) == 0 || !read_address(&client, &request.client))
		return -EBADMSG;
	request.kind = kind;
	request.key = key;
	if (reader_left(&host) > 0)
		memcpy(request.host, host.at, reader_left(&host));
	if (strlen(request.host) != reader_left(&host))
		return -EBADMSG;
	request.leaf = leaf.at;
	request.leaf_length = reader_left(&leaf);
	*ret_request = request;
	return 0;
}

size_t wire_write_certificate(const uint8_t *der, size_t n, uint8_t *at, size_t size)
{
	if (n == 0 || n > CERTGEN_MESSAGE_MAX || size < WIRE_CERTIFICATE_HEAD ||
	    n > size - WIRE_CERTIFICATE_HEAD)
		return 0;
	put_bytes(put_uint(at, 3, n), der, n);
	return WIRE_CERTIFICATE_HEAD + n;
}

size_t wire_write_answer(const struct certgen_answer *answer, uint8_t *message, size_t size)
{
	size_t why = strnlen(answer->why, CERTGEN_WHY_MAX);
	size_t head = WIRE_ANSWER_HEAD_MAX - CERTGEN_WHY_MAX + 1 + why;

	if (why == CERTGEN_WHY_MAX || size < head || answer->chain_length > size - head ||
	    answer->chain_length > CERTGEN_MESSAGE_MAX - WIRE_ANSWER_HEAD_MAX)
		return 0;
	uint8_t *at = put_head(message, WIRE_ANSWER);

	at = put_uint(at, 4, answer->id);
	at = put_uint(at, 1, answer->status);
	at = put_uint(at, 1, why);
	at = put_bytes(at, answer->why, why);
	at = put_uint(at, 3, answer->chain_length);
	at = put_bytes(at, answer->chain, answer->chain_length);
	return (size_t)(at - message);
}

/* Into a text that was zeroed. */
static bool read_why(const struct reader *r, char why[CERTGEN_WHY_MAX])
{
	size_t n = reader_left(r);

	if (n >= CERTGEN_WHY_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (r->at[i] < ' ' || r->at[i] > '~')
			return false;
	if (n > 0)
		memcpy(why, r->at, n);
	return true;
}

static bool is_chain(struct reader chain)
{
	while (reader_left(&chain) > 0) {
		struct reader certificate = reader_vector(&chain, 3);

		if (!reader_ok(&chain) || reader_left(&certificate) == 0)
			return false;
	}
	return true;
}

int wire_parse_answer(const uint8_t *message, size_t n, struct certgen_answer *ret_answer)
{
	struct reader r = body_of(message, n, WIRE_ANSWER);
	struct certgen_answer answer = { .id = reader_uint(&r, 4) };
	uint8_t status = reader_u8(&r);
	struct reader why = reader_vector(&r, 1), chain = reader_vector(&r, 3);

	if (!is_whole(&r) || status > CERTGEN_FAILED || !read_why(&why, answer.why) ||
	    !is_chain(chain) || (status == CERTGEN_OK) != (reader_left(&chain) > 0) ||
	    (status != CERTGEN_OK && reader_left(&why) == 0))
		return -EBADMSG;
	answer.status = status;
	answer.chain = chain.at;
	answer.chain_length = reader_left(&chain);
	*ret_answer = answer;
	return 0;
}
