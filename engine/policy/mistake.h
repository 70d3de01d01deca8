/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_MISTAKE_H
#define POSTERN_POLICY_MISTAKE_H

#include <stddef.h>

#include "policy/config.h"

/*
 * Says "FILE:LINE: KEY: what" in one line without control characters; line 0 and key NULL are left
 * out. Returns -EINVAL, so that a reader can say `return mistake(...)`.
 */
int mistake(struct config_error *ret_error, const char *file, unsigned line, const char *key,
	    const char *format, ...) __attribute__((format(printf, 5, 6)));

/*
 * The known word that is closest to one the owner misspelt:
 *   struct guess guess = guess_for("tiemouts");
 *   guess_try(&guess, known, strlen(known)) for each known word
 *   guess.text is then ", did you mean 'timeouts'?" or ""
 */
struct guess {
	const char *word;
	unsigned distance; /* only a word closer than this will do */
	char text[96];
};

struct guess guess_for(const char *word);
void guess_try(struct guess *guess, const char *known, size_t n);

#endif
