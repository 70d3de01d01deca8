/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/journal.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

enum { NAME_MAX_ = 64 }; /* of a field, as the journal has it */

static int add_field(struct outgoing *outgoing, const char *name, const char *value, size_t n)
{
	uint64_t size = htole64(n);
	int r = outgoing_append(outgoing, name, strlen(name));

	if (r == 0)
		r = outgoing_append(outgoing, "\n", 1);
	if (r == 0)
		r = outgoing_append(outgoing, &size, sizeof(size));
	if (r == 0)
		r = outgoing_append(outgoing, value, n);
	return r < 0 ? r : outgoing_append(outgoing, "\n", 1);
}

static int add_scalar(struct outgoing *outgoing, const char *name, const json_t *value)
{
	char number[32];

	if (json_is_string(value))
		return add_field(outgoing, name, json_string_value(value),
				 json_string_length(value));
	if (json_is_integer(value))
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		snprintf(number, sizeof(number), "%.3f", json_real_value(value));
	else if (json_is_boolean(value))
		strcpy(number, json_is_true(value) ? "true" : "false");
	else
		return 0;
	return add_field(outgoing, name, number, strlen(number));
}

/* False: it is longer than the journal takes. */
static bool field_name(const char *prefix, const char *key, char ret_name[NAME_MAX_ + 1])
{
	int n = snprintf(ret_name, NAME_MAX_ + 1, "%s_%s", prefix, key);

	for (char *at = ret_name; *at; at++)
		*at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
	return n <= NAME_MAX_;
}

/* Two levels, as deep as events are; lists are in the message only. */
static int add_fields(struct outgoing *outgoing, json_t *event)
{
	char name[NAME_MAX_ + 1], inner[NAME_MAX_ + 1];
	const char *key, *inner_key;
	json_t *value, *inner_value;
	int r = 0;

	json_object_foreach(event, key, value)
	{
		if (r < 0 || !field_name("POSTERN", key, name))
			continue;
		if (!json_is_object(value))
			r = add_scalar(outgoing, name, value);
		json_object_foreach(value, inner_key, inner_value)
		{
			if (r == 0 && field_name(name, inner_key, inner))
				r = add_scalar(outgoing, inner, inner_value);
		}
	}
	return r;
}

int journal_add(struct outgoing *outgoing, enum event_type type, const char *text, size_t n)
{
	json_t *event = json_loadb(text, n, 0, NULL);
	char head[128];
	int r = 0;

	if (!event)
		return -ENOMEM;
	snprintf(head, sizeof(head), "PRIORITY=%u\nSYSLOG_IDENTIFIER=postern\nSYSLOG_FACILITY=%u\n",
		 event_severity(type), (unsigned)LOG_FAC(LOG_DAEMON));
	r = outgoing_append(outgoing, head, strlen(head));
	if (r == 0)
		r = add_field(outgoing, "MESSAGE", text, n);
	if (r == 0)
		r = add_fields(outgoing, event);
	json_decref(event);
	return r;
}

static int memory_of(const void *bytes, size_t n)
{
	int fd = memfd_create("postern-event", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (write(fd, bytes, n) != (ssize_t)n ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
		close(fd);
		return -ENOMEM;
	}
	return fd;
}

int journal_send_large(int fd, const void *bytes, size_t n)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct msghdr message = { .msg_control = room, .msg_controllen = sizeof(room) };
	struct cmsghdr *control = CMSG_FIRSTHDR(&message);
	int memory = memory_of(bytes, n);
	int r = 0;

	if (memory < 0)
		return memory;
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(control), &memory, sizeof(memory));
	if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		r = -errno;
	close(memory);
	return r;
}
