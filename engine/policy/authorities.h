/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_AUTHORITIES_H
#define POSTERN_POLICY_AUTHORITIES_H

#include <stdbool.h>

#include "policy/config.h"

/*
 * Names of certificate authorities, from a list file: one a line, as RFC 4514 writes them and as
 * the log shows those of a CertificateRequest; blank lines and lines that begin with '#' do not
 * count. Immutable.
 */
struct authorities;

/*
 * 0; -EINVAL with *ret_error filled for a mistake in the file; another -errno, *ret_error
 * untouched, when it could not be read.
 */
int authorities_read(const char *path, struct authorities **ret_authorities,
		     struct config_error *ret_error);
void authorities_free(struct authorities *authorities);

/* Whether the name is in the list, letter by letter. */
bool authorities_have(const struct authorities *authorities, const char *name);

#endif
