/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TEST_HELLO_CUT_H
#define POSTERN_TEST_HELLO_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tls/hello.h"

/*
 * Cuts a handshake message into records that carry `size` bytes each; returns the length on the
 * wire, which is that of the message and five bytes for each record.
 */
static inline size_t hello_cut(const uint8_t *message, size_t n, size_t size, uint8_t *wire)
{
	size_t n_wire = 0;

	for (size_t at = 0; at < n; at += size) {
		size_t length = n - at < size ? n - at : size;
		const uint8_t header[] = { 22, 3, 1, (uint8_t)(length >> 8), (uint8_t)length };

		memcpy(wire + n_wire, header, sizeof(header));
		memcpy(wire + n_wire + sizeof(header), message + at, length);
		n_wire += sizeof(header) + length;
	}
	return n_wire;
}

static inline bool hello_list_is_same(const struct hello_list *a, const struct hello_list *b)
{
	return a->n == b->n && memcmp(a->at, b->at, a->n * sizeof(a->at[0])) == 0;
}

static inline bool hello_lists_are_same(const struct hello *a, const struct hello *b)
{
	return a->n_suites == b->n_suites &&
	       memcmp(a->suites, b->suites, a->n_suites * sizeof(a->suites[0])) == 0 &&
	       hello_list_is_same(&a->extensions, &b->extensions) &&
	       hello_list_is_same(&a->versions, &b->versions) &&
	       hello_list_is_same(&a->groups, &b->groups) &&
	       hello_list_is_same(&a->key_shares, &b->key_shares) &&
	       hello_list_is_same(&a->signature_algorithms, &b->signature_algorithms) &&
	       a->n_point_formats == b->n_point_formats &&
	       memcmp(a->point_formats, b->point_formats, a->n_point_formats) == 0 &&
	       a->alpn_length == b->alpn_length && memcmp(a->alpn, b->alpn, a->alpn_length) == 0;
}

/* All that does not hang on how the hello was cut: every member but wire_length and needed. */
static inline bool hello_is_same(const struct hello *a, const struct hello *b)
{
	return hello_lists_are_same(a, b) && a->legacy_version == b->legacy_version &&
	       strcmp(a->host, b->host) == 0 && a->has_sni == b->has_sni &&
	       a->has_ticket == b->has_ticket && a->has_session_id == b->has_session_id &&
	       a->has_psk == b->has_psk && a->has_early_data == b->has_early_data &&
	       a->has_post_handshake_auth == b->has_post_handshake_auth && a->has_ech == b->has_ech;
}

#endif
