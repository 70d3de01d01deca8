/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_HTTP_BLOCK_H
#define POSTERN_HTTP_BLOCK_H

#include "http/exchange.h"

/*
 * The field blocks of one way of an HTTP/2 connection: HPACK (RFC 7541) by nghttp2, one block after
 * the other, each in as many pieces as it comes in. What two readers could understand differently
 * (RFC 9113 section 8.2, 8.3) is an anomaly.
 */
struct blocks;

enum {
	BLOCK_TABLE = 4096,      /* bytes of the table, unless a setting says otherwise */
	BLOCK_TABLE_MAX = 65536, /* what would need more cannot be followed */
	BLOCK_MAX = 65536,       /* bytes of a block's fields */
};

enum block_kind {
	BLOCK_REQUEST,
	BLOCK_RESPONSE,
	BLOCK_TRAILERS, /* of a request */
	BLOCK_OTHER,    /* nothing of it is wanted; but the table must be kept in step */
};

int blocks_new(struct blocks **ret_blocks);
void blocks_free(struct blocks *blocks);

/* The table's bound, which holds from the next block on; or only if it is more than that of now. */
void blocks_set_table(struct blocks *blocks, uint32_t size);
void blocks_raise_table(struct blocks *blocks, uint32_t size);
/* The bound that the next block must say, as it is less than that of the last; else UINT32_MAX. */
uint32_t blocks_lower_table(const struct blocks *blocks);

/* What is found goes into the exchange. */
enum http_anomaly blocks_begin(struct blocks *blocks, enum block_kind kind,
			       struct exchange *exchange);
/* The exchange will be there no more; the rest of the block is BLOCK_OTHER. */
void blocks_forget(struct blocks *blocks);
enum http_anomaly blocks_feed(struct blocks *blocks, const uint8_t *bytes, size_t n);
/* Its last piece was fed. *ret_status is that of a response, interim ones too. */
enum http_anomaly blocks_end(struct blocks *blocks, unsigned *ret_status);

#endif
