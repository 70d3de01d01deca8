/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_HOSTLIST_H
#define POSTERN_POLICY_HOSTLIST_H

#include "policy/config.h"

/*
 * Adds the host patterns of a list file to the rule added last: one a line; blank lines and
 * everything after a '#' do not count. 0; -EINVAL with *ret_error filled for a mistake in the file;
 * another -errno, *ret_error untouched, when it could not be read.
 */
int hostlist_read(const char *path, struct ruleset *rules, struct config_error *ret_error);

#endif
