/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_KEYLOG_H
#define POSTERN_TAP_KEYLOG_H

#include <stddef.h>
#include <stdint.h>

/*
 * The keys of connections, a line each, in the format of NSS (SSLKEYLOGFILE) that Wireshark and
 * others read. Whoever has them can read what was recorded of the connections' wire.
 *
 * It may wait for the disk: it is for a thread of its own.
 */
struct keylog;

enum {
	KEYLOG_RANDOM = 32,
	KEYLOG_SECRET_MAX = 64,
	KEYLOG_LABEL_MAX = 32,
	/* Label, random, secret in hexadecimal, with what is between them. */
	KEYLOG_LINE_MAX = KEYLOG_LABEL_MAX + 1 + 2 * KEYLOG_RANDOM + 1 + 2 * KEYLOG_SECRET_MAX + 1,
};

/* The line, with its end, and its length; 0: the secret is too long to be one. */
size_t keylog_line(const char *label, const uint8_t random[KEYLOG_RANDOM], const uint8_t *secret,
		   size_t n, char line[KEYLOG_LINE_MAX]);

/* The file is made 0600; one that is there must belong to this user and be closed to others. */
int keylog_new(const char *path, struct keylog **ret_keylog);
void keylog_free(struct keylog *keylog);
void keylog_write(struct keylog *keylog, const char *line, size_t n);

#endif
