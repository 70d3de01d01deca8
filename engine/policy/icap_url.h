/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_ICAP_URL_H
#define POSTERN_POLICY_ICAP_URL_H

#include "base/addr.h"

/* "icap://192.0.2.1:1344/service", where an ICAP server is. No names: nobody would look them up. */

enum { ICAP_URL_MAX = 192 };

struct icap_url {
	union addr addr;
	char authority[ADDR_TEXT_MAX + 8]; /* "192.0.2.1:1344" */
};

/* False: it is none. */
bool icap_url_read(const char *text, struct icap_url *ret_url);

#endif
