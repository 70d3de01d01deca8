/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/block.h"

#include <errno.h>
#include <malloc.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "http/line.h"

enum pseudo { METHOD = 1, SCHEME = 2, AUTHORITY = 4, PATH = 8, PROTOCOL = 16, STATUS = 32 };

struct blocks {
	nghttp2_mem memory; /* of the inflater */
	nghttp2_hd_inflater *inflater;
	uint32_t table, wanted_table;
	enum block_kind kind;
	struct exchange *exchange;
	size_t n_fields; /* bytes of them */
	unsigned seen;   /* enum pseudo */
	bool has_regular;
	unsigned n_hosts;
	unsigned status;
};

/* --- memory, in which the fields of requests are: wiped before it is given back --- */

static void *get(size_t n, void *user)
{
	(void)user;
	return malloc(n);
}

static void *get_zero(size_t n, size_t size, void *user)
{
	(void)user;
	return calloc(n, size);
}

static void give_back(void *memory, void *user)
{
	(void)user;
	if (memory)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

static void *resize(void *memory, size_t n, void *user)
{
	void *other = malloc(n);

	if (other && memory) {
		size_t before = malloc_usable_size(memory);

		memcpy(other, memory, before < n ? before : n);
		give_back(memory, user);
	}
	return other;
}

int blocks_new(struct blocks **ret_blocks)
{
	struct blocks *blocks = calloc(1, sizeof(*blocks));

	if (!blocks)
		return -ENOMEM;
	blocks->table = blocks->wanted_table = BLOCK_TABLE;
	blocks->memory = (nghttp2_mem){ NULL, get, give_back, get_zero, resize };
	if (nghttp2_hd_inflate_new2(&blocks->inflater, &blocks->memory) != 0) {
		free(blocks);
		return -ENOMEM;
	}
	*ret_blocks = blocks;
	return 0;
}

void blocks_free(struct blocks *blocks)
{
	if (!blocks)
		return;
	nghttp2_hd_inflate_del(blocks->inflater);
	free(blocks);
}

void blocks_set_table(struct blocks *blocks, uint32_t size)
{
	blocks->wanted_table = size < BLOCK_TABLE_MAX ? size : BLOCK_TABLE_MAX;
}

void blocks_raise_table(struct blocks *blocks, uint32_t size)
{
	if (size > blocks->wanted_table)
		blocks_set_table(blocks, size);
}

uint32_t blocks_lower_table(const struct blocks *blocks)
{
	return blocks->wanted_table < blocks->table ? blocks->wanted_table : UINT32_MAX;
}

void blocks_forget(struct blocks *blocks)
{
	blocks->kind = BLOCK_OTHER;
	blocks->exchange = NULL;
}

enum http_anomaly blocks_begin(struct blocks *blocks, enum block_kind kind,
			       struct exchange *exchange)
{
	blocks->kind = kind;
	blocks->exchange = exchange;
	blocks->n_fields = 0;
	blocks->seen = blocks->n_hosts = blocks->status = 0;
	blocks->has_regular = false;
	if (blocks->wanted_table == blocks->table)
		return HTTP_SOUND;
	blocks->table = blocks->wanted_table;
	return nghttp2_hd_inflate_change_table_size(blocks->inflater, blocks->table) == 0
		       ? HTTP_SOUND
		       : HTTP_BAD_COMPRESSION;
}

/* --- fields --- */

static enum http_anomaly set_host(struct blocks *blocks, struct reader value)
{
	struct exchange *exchange = blocks->exchange;
	char before[sizeof(exchange->host)];

	memcpy(before, exchange->host, sizeof(before));
	if (!exchange_set_host(exchange, value) ||
	    (blocks->n_hosts > 0 && strcmp(before, exchange->host) != 0))
		return HTTP_BAD_HOST;
	blocks->n_hosts++;
	return HTTP_SOUND;
}

static bool read_status(const struct reader *value, unsigned *ret_status)
{
	unsigned status = 0;

	for (const uint8_t *at = value->at; at < value->end; at++) {
		if (*at < '0' || *at > '9' || value->end - value->at != 3)
			return false;
		status = status * 10 + (*at - '0');
	}
	*ret_status = status;
	return status >= 100;
}

static enum pseudo pseudo_of(const struct reader *name, enum block_kind kind)
{
	static const struct {
		const char *name;
		enum pseudo pseudo;
		enum block_kind kind;
	} pseudos[] = {
		{ ":method", METHOD, BLOCK_REQUEST },       { ":scheme", SCHEME, BLOCK_REQUEST },
		{ ":authority", AUTHORITY, BLOCK_REQUEST }, { ":path", PATH, BLOCK_REQUEST },
		{ ":protocol", PROTOCOL, BLOCK_REQUEST },   { ":status", STATUS, BLOCK_RESPONSE },
	};

	for (unsigned i = 0; i < sizeof(pseudos) / sizeof(pseudos[0]); i++)
		if (pseudos[i].kind == kind && line_is(name, pseudos[i].name))
			return pseudos[i].pseudo;
	return 0;
}

/* Each once, and before all other fields. */
static enum http_anomaly read_pseudo(struct blocks *blocks, const struct reader *name,
				     struct reader value)
{
	struct exchange *exchange = blocks->exchange;
	enum pseudo pseudo = pseudo_of(name, blocks->kind);

	if (pseudo == 0 || (blocks->seen & pseudo) || blocks->has_regular)
		return HTTP_BAD_GRAMMAR;
	blocks->seen |= pseudo;
	switch (pseudo) {
	case METHOD:
		if (!line_is_token(&value) || reader_left(&value) >= sizeof(exchange->method))
			return HTTP_BAD_GRAMMAR;
		EXCHANGE_TEXT(exchange->method, value.at, reader_left(&value));
		break;
	case AUTHORITY:
		return set_host(blocks, value);
	case PATH:
		if (!line_is_visible(&value) || (*value.at != '/' && !line_is(&value, "*")))
			return HTTP_BAD_GRAMMAR;
		return exchange_set_target(exchange, value.at, reader_left(&value))
			       ? HTTP_SOUND
			       : HTTP_NO_MEMORY;
	case PROTOCOL:
		EXCHANGE_TEXT(exchange->upgrade, value.at, reader_left(&value));
		break;
	case STATUS:
		if (!read_status(&value, &blocks->status))
			return HTTP_BAD_GRAMMAR;
		break;
	case SCHEME:
		break;
	}
	return HTTP_SOUND;
}

/* RFC 9113 section 8.2.2: of HTTP/1 alone; a server that speaks that behind could be misled. */
static bool is_forbidden(const struct reader *name)
{
	static const char *const names[] = { "connection", "keep-alive", "proxy-connection",
					     "transfer-encoding", "upgrade" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (line_is(name, names[i]))
			return true;
	return false;
}

static bool has_capital(const struct reader *name)
{
	for (const uint8_t *at = name->at; at < name->end; at++)
		if (*at >= 'A' && *at <= 'Z')
			return true;
	return false;
}

static enum http_anomaly read_regular(struct blocks *blocks, const struct reader *name,
				      const struct reader *value)
{
	struct exchange *exchange = blocks->exchange;
	size_t n = reader_left(value);

	blocks->has_regular = true;
	if (!line_is_token(name) || has_capital(name) || !line_is_value(value) ||
	    is_forbidden(name))
		return HTTP_BAD_GRAMMAR;
	if (blocks->kind == BLOCK_RESPONSE) {
		if (line_is(name, "content-type"))
			EXCHANGE_TEXT(exchange->content_type, value->at, n);
		return HTTP_SOUND;
	}
	if (line_is(name, "host"))
		return set_host(blocks, *value);
	if (line_is(name, "user-agent"))
		EXCHANGE_TEXT(exchange->user_agent, value->at, n);
	else if (line_is(name, "referer"))
		EXCHANGE_TEXT(exchange->referer, value->at, n);
	return HTTP_SOUND;
}

static enum http_anomaly read_field(struct blocks *blocks, const nghttp2_nv *field)
{
	struct reader name = reader_of(field->name, field->namelen);
	struct reader value = reader_of(field->value, field->valuelen);

	blocks->n_fields += field->namelen + field->valuelen + 32; /* as RFC 7541 counts them */
	if (blocks->n_fields > BLOCK_MAX)
		return HTTP_TOO_LARGE;
	if (blocks->kind == BLOCK_OTHER)
		return HTTP_SOUND;
	if (reader_left(&name) > 0 && *name.at == ':')
		return read_pseudo(blocks, &name, value);
	return blocks->kind == BLOCK_TRAILERS ? HTTP_SOUND : read_regular(blocks, &name, &value);
}

/* --- blocks --- */

static enum http_anomaly feed(struct blocks *blocks, const uint8_t *bytes, size_t n, bool is_last)
{
	for (;;) {
		nghttp2_nv field;
		int flags = 0;
		ssize_t n_read =
			nghttp2_hd_inflate_hd2(blocks->inflater, &field, &flags, bytes, n, is_last);

		if (n_read < 0)
			return n_read == NGHTTP2_ERR_NOMEM ? HTTP_NO_MEMORY : HTTP_BAD_COMPRESSION;
		bytes += n_read;
		n -= (size_t)n_read;
		if (flags & NGHTTP2_HD_INFLATE_EMIT) {
			enum http_anomaly anomaly = read_field(blocks, &field);

			if (anomaly != HTTP_SOUND)
				return anomaly;
		}
		if (flags & NGHTTP2_HD_INFLATE_FINAL) {
			nghttp2_hd_inflate_end_headers(blocks->inflater);
			return HTTP_SOUND;
		}
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && n == 0)
			return is_last ? HTTP_BAD_COMPRESSION : HTTP_SOUND;
	}
}

enum http_anomaly blocks_feed(struct blocks *blocks, const uint8_t *bytes, size_t n)
{
	return n > 0 ? feed(blocks, bytes, n, false) : HTTP_SOUND;
}

/* RFC 9113 section 8.3.1, and 8441 section 4 for `:protocol`. */
static enum http_anomaly check_request(const struct blocks *blocks)
{
	bool is_connect = strcmp(blocks->exchange->method, "CONNECT") == 0;
	bool is_tunnel = is_connect && !(blocks->seen & PROTOCOL);

	if (is_tunnel)
		return HTTP_TUNNEL;
	if (!(blocks->seen & METHOD) || !(blocks->seen & PATH) ||
	    ((blocks->seen & PROTOCOL) && !is_connect))
		return HTTP_BAD_GRAMMAR;
	return blocks->n_hosts > 0 ? HTTP_SOUND : HTTP_BAD_HOST;
}

enum http_anomaly blocks_end(struct blocks *blocks, unsigned *ret_status)
{
	static const uint8_t nothing[1];
	enum http_anomaly anomaly = feed(blocks, nothing, 0, true);

	if (anomaly != HTTP_SOUND)
		return anomaly;
	*ret_status = blocks->status;
	if (blocks->kind == BLOCK_REQUEST)
		return check_request(blocks);
	if (blocks->kind == BLOCK_RESPONSE && blocks->status == 0)
		return HTTP_BAD_GRAMMAR;
	return HTTP_SOUND;
}
