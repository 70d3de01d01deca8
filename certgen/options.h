/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CERTGEN_OPTIONS_H
#define POSTERN_CERTGEN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

/* The command line of postern-certgen, written by the supervisor. */

enum {
	OPTIONS_SOCKETS_MAX = 256,
};

struct options {
	const char *certificate, *key;
	const char *untrusted_certificate, *untrusted_key; /* NULL: none */
	const char *user;                                  /* "": stay who we are */
	int64_t max_lifetime;                              /* seconds */
	unsigned rate, burst;                              /* limit_init()'s */
	unsigned per_client;                               /* struct service's */
	enum log_level level;
	bool core_dumps;
	bool is_recorded, must_be_recorded; /* struct record's */
	bool is_unsynced;
	int record;                   /* a file open for appending, or -1 */
	int control;                  /* a socket by which another one comes, or -1 */
	int fds[OPTIONS_SOCKETS_MAX]; /* open SOCK_SEQPACKET sockets */
	size_t n_fds;
};

extern const char options_usage[];

/* False when it is not what options_usage says. The texts are borrowed from argv. */
bool options_parse(int argc, char **argv, struct options *ret_options);

#endif
