/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CLI_HOSTS_REPORT_H
#define POSTERN_CLI_HOSTS_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "cli/hosts.h"

/* What was seen, in three forms. All write to `file`; 0 or -ENOMEM. */

int hosts_report_text(struct hosts *hosts, FILE *file);
int hosts_report_json(struct hosts *hosts, FILE *file); /* one line for each host */

/*
 * A file for conf.d with a rule that passes the hosts that ask. One whose certificate does not
 * verify, or that is known by its address alone, is written as a comment: the owner decides.
 */
int hosts_report_rules(struct hosts *hosts, FILE *file);

/* "asks", "does not ask", "unknown" */
const char *host_asks_text(enum host_asks asks);

/* Of an answer, in text and in JSON, as `postern probe` shows it too. */
void hosts_report_request(const struct certreq *request, const char *indent, FILE *file);
json_t *hosts_report_ask(const struct ask *ask);

/* [address]:port */
enum { HOSTS_ENDPOINT_SIZE = ADDR_TEXT_MAX + 10 };
const char *hosts_endpoint(const union addr *server, char text[HOSTS_ENDPOINT_SIZE]);

#endif
