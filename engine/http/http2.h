/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_HTTP_HTTP2_H
#define POSTERN_HTTP_HTTP2_H

#include "http/http.h"

/* HTTP/2 (RFC 9113) whose TLS handshake chose "h2"; see http.h. */

int http2_new(struct http2 **ret_two);
void http2_free(struct http2 *two);
size_t http2_read(struct http *http, unsigned way, uint8_t *bytes, size_t n_held, size_t *n);

#endif
