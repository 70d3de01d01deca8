/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/queues.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 8192 };

/* Of the columns of a line, those that are shown. */
enum { NUMBER, READER, LENGTH, MODE, COPIED, QUEUE_DROPPED, SOCKET_DROPPED, N_COLUMNS };

/* One queue: *ret_line is behind its line. False: the line is short. */
static bool read_line(const char *line, const char **ret_line, struct queue_facts *ret_facts)
{
	const char *end = strchr(line, '\n');
	unsigned columns[N_COLUMNS] = { 0 };
	unsigned n = 0;

	for (; end && line < end && n < N_COLUMNS; n++) {
		char *rest;

		columns[n] = (unsigned)strtoul(line, &rest, 10); /* the reader's may be signed */
		if (rest == line || rest > end)
			break;
		line = rest;
	}
	*ret_line = end ? end + 1 : line + strlen(line);
	*ret_facts = (struct queue_facts){ .number = columns[NUMBER],
					   .length = columns[LENGTH],
					   .queue_dropped = columns[QUEUE_DROPPED],
					   .socket_dropped = columns[SOCKET_DROPPED] };
	return n == N_COLUMNS;
}

void queues_parse(const char *text, unsigned first, struct queues *ret_queues)
{
	ret_queues->n = 0;
	while (*text && ret_queues->n < QUEUES_MAX) {
		struct queue_facts facts;

		if (read_line(text, &text, &facts) && facts.number >= first &&
		    facts.number - first < QUEUES_MAX)
			ret_queues->at[ret_queues->n++] = facts;
	}
}

void queues_read(int fd, unsigned first, struct queues *ret_queues)
{
	char text[FILE_MAX];
	ssize_t n = fd >= 0 ? pread(fd, text, sizeof(text) - 1, 0) : 0;

	text[n > 0 ? n : 0] = '\0';
	queues_parse(text, first, ret_queues);
}
