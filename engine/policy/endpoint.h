/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_ENDPOINT_H
#define POSTERN_POLICY_ENDPOINT_H

#include <stdbool.h>

#include "base/addr.h"

/* Where to listen, as the configuration says it: "127.0.0.1:9443", "[::1]:9443", "unix:/PATH". */
struct endpoint {
	union addr addr;  /* with port; AF_UNSPEC: it is a path */
	const char *path; /* within the text */
};

/* False: it is neither, or the port is 0. */
bool endpoint_read(const char *text, struct endpoint *ret_endpoint);

/* Whom only this machine reaches. */
bool endpoint_is_local(const struct endpoint *endpoint);

#endif
