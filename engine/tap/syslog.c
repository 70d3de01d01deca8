/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tap/syslog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tap/line.h"

enum {
	HEADER_MAX = 512,
	HOST_MAX = 256, /* RFC 5424 section 6.2.4: 255 characters */
};

static const char timestamp[] = "{\"timestamp\":\"";
#define TIME "2026-11-22T19:00:00.123456"

/* What every event begins with; "-" is "not known" (RFC 5424 section 6.2.3). */
static void time_5424(const char *text, size_t n, char ret_time[64])
{
	if (n < sizeof(timestamp) - 1 + sizeof(TIME) ||
	    strncmp(text, timestamp, sizeof(timestamp) - 1) != 0)
		strcpy(ret_time, "-");
	else
		snprintf(ret_time, 64, "%.*sZ", (int)sizeof(TIME) - 1,
			 text + sizeof(timestamp) - 1);
}

/* "Nov  9 19:00:00", in the machine's own time. */
static void time_3164(const char *text, size_t n, char ret_time[64])
{
	struct tm tm = { 0 };
	char utc[64];
	time_t seconds;

	time_5424(text, n, utc);
	seconds = strptime(utc, "%Y-%m-%dT%H:%M:%S", &tm) ? timegm(&tm) : time(NULL);
	localtime_r(&seconds, &tm);
	strftime(ret_time, 64, "%b %e %H:%M:%S", &tm);
}

static size_t header(const struct output_options *options, enum event_type type, const char *text,
		     size_t n, char ret_header[HEADER_MAX])
{
	unsigned priority = 8 * options->facility + event_severity(type);
	const char *cookie = options->is_cee ? "@cee: " : "";
	char time[64], host[HOST_MAX] = "-";
	int length;

	if (options->format == OUTPUT_RFC3164) {
		time_3164(text, n, time);
		length = snprintf(ret_header, HEADER_MAX, "<%u>%s postern[%d]: %s", priority, time,
				  (int)getpid(), cookie);
		return (size_t)length;
	}
	time_5424(text, n, time);
	if (gethostname(host, sizeof(host) - 1) < 0 || host[0] == '\0')
		strcpy(host, "-");
	length = snprintf(ret_header, HEADER_MAX, "<%u>1 %s %s postern %d %s - %s", priority, time,
			  host, (int)getpid(), event_text(type), cookie);
	return (size_t)length;
}

int syslog_add(struct outgoing *outgoing, const struct output_options *options,
	       enum event_type type, const char *text, size_t n)
{
	char head[HEADER_MAX], count[24];
	size_t n_head = header(options, type, text, n, head);
	int r = 0;

	if (options->transport == OUTPUT_BY_TCP) {
		int digits = snprintf(count, sizeof(count), "%zu ", n_head + n);

		r = outgoing_append(outgoing, count, (size_t)digits);
	}
	if (r == 0)
		r = outgoing_append(outgoing, head, n_head);
	return r < 0 ? r : outgoing_append(outgoing, text, n);
}
