/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_HTTP_HEAD_H
#define POSTERN_HTTP_HEAD_H

#include "http/exchange.h"

/*
 * The head of one message of HTTP/1 (RFC 9112): from its first line to the empty one. Where a
 * server or a client could understand it otherwise, it is an anomaly: duplicate lengths or hosts, a
 * length beside a transfer coding, folded lines, line ends that are not CR LF.
 */

/*
 * The length of the head that begins here, once it is whole; 0 as long as it is not. *scanned is
 * where the last call came to. *ret_anomaly is set when it can become none.
 */
size_t head_find(const uint8_t *bytes, size_t n, bool is_request, size_t *scanned,
		 enum http_anomaly *ret_anomaly);

/* Takes out of it what is wanted. */
enum http_anomaly head_read_request(const uint8_t *bytes, size_t n, struct exchange *exchange);

/* Of an interim response (1xx, but for 101) nothing is kept but *ret_status. */
enum http_anomaly head_read_response(const uint8_t *bytes, size_t n, struct exchange *exchange,
				     unsigned *ret_status);

#endif
