/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/token.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* With all its bytes or not at all: under another name first, which nobody else takes. */
static int write_new(const char *path, const char *word)
{
	char temporary[4096];
	int fd, r = 0;

	if (strlen(path) + sizeof(".new") > sizeof(temporary))
		return -ENAMETOOLONG;
	strcpy(temporary, path);
	strcat(temporary, ".new");
	(void)unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	if (write(fd, word, TOKEN_SIZE) != TOKEN_SIZE || fsync(fd) < 0)
		r = -EIO;
	close(fd);
	/* link() and not rename(): who came first has made the one that holds. */
	if (r == 0 && link(temporary, path) < 0 && errno != EEXIST)
		r = -errno;
	(void)unlink(temporary);
	return r;
}

int token_make(const char *path)
{
	unsigned char bytes[(TOKEN_SIZE - 1) / 2];
	char word[TOKEN_SIZE];

	if (access(path, F_OK) == 0)
		return 0;
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	sodium_bin2hex(word, sizeof(word), bytes, sizeof(bytes));
	word[TOKEN_SIZE - 1] = '\n'; /* a file for people */
	return write_new(path, word);
}

int token_read(const char *path, char ret_token[TOKEN_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char word[TOKEN_SIZE + 1];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, word, sizeof(word));
	close(fd);
	if (n != TOKEN_SIZE || word[TOKEN_SIZE - 1] != '\n')
		return -EPROTO;
	word[TOKEN_SIZE - 1] = '\0';
	if (strspn(word, "0123456789abcdef") != TOKEN_SIZE - 1)
		return -EPROTO;
	memcpy(ret_token, word, TOKEN_SIZE);
	return 0;
}

bool token_is(const char *path, const char *word)
{
	char token[TOKEN_SIZE], given[TOKEN_SIZE] = "";
	bool is_long = strlen(word) == TOKEN_SIZE - 1;

	if (token_read(path, token) < 0)
		return false;
	if (is_long)
		memcpy(given, word, TOKEN_SIZE);
	return sodium_memcmp(token, given, TOKEN_SIZE) == 0 && is_long;
}
