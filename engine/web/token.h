/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_WEB_TOKEN_H
#define POSTERN_WEB_TOKEN_H

#include <stdbool.h>

/* The word that allows to change what is learned: 256 random bits as hexadecimal, in a file. */

enum { TOKEN_SIZE = 65 };

/* Makes the file if there is none, for its owner and group alone (0640). 0 or -errno. */
int token_make(const char *path);
/* 0 or -errno; -EPROTO: there is another thing in it. */
int token_read(const char *path, char ret_token[TOKEN_SIZE]);
/* Whether that is the file's word now; takes as long for any word. */
bool token_is(const char *path, const char *word);

#endif
