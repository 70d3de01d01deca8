/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_WEB_GUARD_H
#define POSTERN_WEB_GUARD_H

#include <stdbool.h>

/*
 * A browser lends its user's place to any site: what it asks on behalf of others is refused here.
 * Nothing of this is about who may read; that is the listening address's affair.
 */

/*
 * Whether a request with this Host header (NULL: none) was meant for us: an address, localhost, or
 * `name` ("": none). Another name is one that somebody else's DNS leads here ("DNS rebinding").
 */
bool guard_is_ours(const char *host, const char *name);

/*
 * Whether a page of ours sent it, or no browser: Origin and Sec-Fetch-Site (NULL: not sent) do not
 * say otherwise.
 */
bool guard_is_same_origin(const char *origin, const char *fetch_site, const char *host);

#endif
