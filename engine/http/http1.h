/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_HTTP_HTTP1_H
#define POSTERN_HTTP_HTTP1_H

#include "http/http.h"

/* HTTP/1.0 and 1.1 (RFC 9112); see http.h. */

int http1_new(struct http1 **ret_one);
void http1_free(struct http1 *one);
size_t http1_read(struct http *http, unsigned way, uint8_t *bytes, size_t n_held, size_t *n);
void http1_finish(struct http *http, unsigned way);

/* Something is held, whole or not; or it is, and nothing is read before it is gone. */
bool http1_holds(const struct http *http, unsigned way);
bool http1_is_holding(const struct http *http, unsigned way);
const uint8_t *http1_released(const struct http *http, unsigned way, size_t *ret_n);
void http1_sent(struct http *http, unsigned way, size_t n);
const uint8_t *http1_held(const struct http *http, unsigned way, size_t *ret_n);
void http1_conclude(struct http *http, unsigned way, bool is_released, char *page);

#endif
